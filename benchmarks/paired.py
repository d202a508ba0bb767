"""muvae's step against pythae's, a DataLoader loop's and the arithmetic, in one process: ten steps each in turn, twenty rounds.

    make bench                                        about 5 minutes if nothing else runs, installs pythae
    python benchmarks/paired.py [--rounds 20] [--steps 10] [--threads N] [--json FILE]

What slows the machine down for a while slows all that a round holds, so the ratio within a round says more than the times do; what is told
of the rounds is their median and quartiles. Processor time is told beside the wall clock's: other work takes none of it, but where there
are several threads it counts their waiting. All train the VAE alone (pythae has no classifier): the networks, first weights, objective,
images, batch and learning rate of compare.py. Beside them, in the same rounds, stands the product of two 1024 × 1024 matrices: the flop of
a step over the flop/s of that product is the time that the arithmetic alone would take. It is one process, so glibc keeps large blocks for
all of them; pythae prints its bar into memory.
"""
import argparse, io, os, statistics, sys, tempfile, time
from contextlib import redirect_stderr
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # from a checkout, without installing it

import torch
from compare import BATCH, IMAGES, LR, THREADS, check_learning, fresh_model, objective, plain_batches, plain_step, pythae_trainer
from muvae.batches import Batch, InMemory
from muvae.data import load
from muvae.machine import LAYOUTS, autocasting, keep_large_blocks, provenance, seeded
from muvae.objectives import as_objective
from muvae.training import Sides, check_record, evaluate, fastest, train_epoch
from saving import save
from scaling import flop_per_image, product

OURS = 'muvae float32 channels_last'  # the default
NAMES = {'pythae': 'pythae', 'pythae-fused': 'pythae, fused Adam', 'loader': 'DataLoader loop, 0 workers', OURS: 'muvae, default',
         'muvae float32 contiguous': "muvae, PyTorch's own layout", 'muvae bfloat16 channels_last': 'muvae, bfloat16',
         'muvae bfloat16 contiguous': "muvae, bfloat16, PyTorch's own layout"}
CLOCKS = dict(wall=time.perf_counter, processor=time.process_time)


def endless(batches):
    "Epoch after epoch of `batches`"
    while True: yield from batches


class Some:
    "A loader that gives the next `n` batches of `loader`, each time it is gone through"
    def __init__(self, loader, n): self.dataset, self.n, self.batches = loader.dataset, n, endless(loader)
    def __len__(self): return self.n
    def __iter__(self): return islice(self.batches, self.n)


# What takes `n` steps, and the model that it trains

def ours(precision, layout, images, n):
    "train's own loop"
    model = fresh_model().to(memory_format=LAYOUTS[layout])
    opt = torch.optim.Adam(model.parameters(), lr=LR, betas=(.9, .999), fused=True)
    sides = Sides(model, as_objective(objective), opt, autocast=autocasting(precision, 'cpu'))
    batches = endless(InMemory(images, batch_size=BATCH))
    def look(record, i): check_record(record, ['loss'], i, 1, None)
    return model, lambda: train_epoch(sides, islice(batches, n), 0, look)


def pythae(fused, images, n, folder):
    "pythae's own train_step, which goes through its loader"
    model = fresh_model()
    trainer = pythae_trainer(model, images, 1, folder, fused)
    trainer.prepare_training()
    trainer.train_loader = Some(trainer.train_loader, n)
    return model, lambda: trainer.train_step(1)


def loader(images, labels, n):
    "The loop of compare.py, without its classifier"
    model = fresh_model()
    opt, batches = torch.optim.Adam(model.parameters(), LR), endless(plain_batches(images, labels))
    return model, lambda: sum(plain_step(model, opt, x)[1].item() for x, _ in islice(batches, n))


def arithmetic(precision, n):
    multiply = product(precision)
    return None, lambda: [multiply() for _ in range(n)]


def field(images, labels, n, folder):
    "{name: (model, what takes `n` steps of it)}, with every way of ours that `auto` would consider here"
    ways = fastest(fresh_model(), Batch(images[:BATCH]), as_objective(objective))
    rows = {k: pythae(k == 'pythae-fused', images, n, folder) for k in ('pythae', 'pythae-fused')} | dict(loader=loader(images, labels, n))
    rows |= {f'muvae {w.precision} {w.layout}': ours(w.precision, w.layout, images, n) for w in ways}
    return rows | {f'product {p}': arithmetic(p, n) for p in sorted({w.precision for w in ways})}


def race(contenders, rounds, n, say=print):
    "{wall, processor: {name: seconds of a step, or a product, in each round}}; the order turns round each time, a first round is dropped"
    times = {clock: {k: [] for k in contenders} for clock in CLOCKS}
    for r in range(rounds + 1):
        for name in list(contenders)[::1 if r % 2 else -1]:
            start = {k: read() for k, read in CLOCKS.items()}
            contenders[name][1]()
            if r: [times[k][name].append((read() - start[k]) / n) for k, read in CLOCKS.items()]
        if r: say(f'round {r}/{rounds}  ' + '  '.join(f'{k} {1000*t[-1]:.1f}' for k, t in times['wall'].items()) + '  ms', flush=True)
    return times


def quartiles(values):
    q1, median, q3 = statistics.quantiles(values, n=4, method='inclusive')
    return dict(median=median, q1=q1, q3=q3)


def rates(times):
    "GFLOP/s of the product in each precision, quartiles"
    return {k.split()[1]: quartiles([2 * 1024**3 / s / 1e9 for s in t]) for k, t in times.items() if k.startswith('product')}


def gather(times, flop):
    "Of `times` and the `flop` of a step: ms a step, its ratio to ours, and the share of the arithmetic in it, quartiles of the rounds each"
    rows = {}
    for k, t in times.items():
        if k.startswith('product'): continue
        p = k.split()[1] if k.startswith('muvae') else 'float32'
        alone = [flop / (2 * 1024**3) * s for s in times[f'product {p}']]  # seconds of the arithmetic at the product's rate
        rows[k] = dict(ms=quartiles([1000 * s for s in t]), ratio=quartiles([a / b for a, b in zip(t, times[OURS])]),
                       share=quartiles([a / b for a, b in zip(alone, t)]))
    return rows


def three(q, digits):
    "Quartiles `q` as text"
    return f"{q['median']:.{digits}f} ({q['q1']:.{digits}f} to {q['q3']:.{digits}f})"


def tell(result):
    "The result as text"
    m, load = result['machine'], result['load']
    yield f"{m['hardware']}, {m['threads']} thread{'s' * (m['threads'] > 1)}, PyTorch {m['torch']}, {result['date']}, commit {m['commit']}"
    yield f"load of the machine (1 minute's mean) {load[0]:.1f} before, {load[1]:.1f} at the end, this process included"
    if result['note']: yield result['note']
    for clock, rows in result['contenders'].items():
        yield f"{f'{clock} time':38} {'ms a step':>24} {'over our default':>20} {'arithmetic alone, %':>20}"
        for k, v in rows.items():
            share = three({n: 100 * s for n, s in v['share'].items()}, 0)
            yield f"  {NAMES.get(k, k):36} {three(v['ms'], 1):>24} {three(v['ratio'], 2):>20} {share:>20}"
        for k, v in result['gflops'][clock].items(): yield f"  a product of 1024 × 1024 in {k}: {three(v, 1)} GFLOP/s"
    yield f"a step: {result['flop']/1e9:.2f} GFLOP; medians, with quartiles of {result['rounds']} rounds of {result['steps']} steps each"
    yield result['learning']


def picture(result):
    "The ratio of every round in processor time, a dot each, and the median"
    import matplotlib.pyplot as plt
    from muvae.plots import COLORS, INK, style
    ours = result['seconds']['processor'][OURS]
    times = {k: t for k, t in result['seconds']['processor'].items() if k != OURS and not k.startswith('product')}
    with style():
        fig, ax = plt.subplots(figsize=(4.9, .7 + .34*len(times)), layout='constrained')
        for i, (k, t) in enumerate(times.items()):
            ratios, color = [a / b for a, b in zip(t, ours)], COLORS['mu3'] if k.startswith('muvae') else INK
            ax.plot(ratios, [i] * len(t), '.', color=color, alpha=.4, markeredgewidth=0)
            ax.plot([statistics.median(ratios)] * 2, [i - .3, i + .3], color=color)
        ax.axvline(1, color=INK, lw=.8)
        ax.set_yticks(range(len(times)), [NAMES.get(k, k) for k in times])
        ax.invert_yaxis()
        ax.set_xlabel("processor time, over our default's")
    return fig


def main(args):
    from importlib.util import find_spec
    if not find_spec('pythae'): sys.exit("pythae is not installed: pip install '.[bench]'")
    torch.set_num_threads(args.threads)
    keep_large_blocks()
    (images, labels), test = (load(args.dataset, split) for split in ('train', 'test'))
    images, labels, before = images[:IMAGES], labels[:IMAGES], os.getloadavg()[0]
    def score(model): return evaluate(model, *(o[:1000] for o in test))
    def loss(model):
        with seeded('test'): return score(model)['recon'] / 2 + score(model)['kl']
    with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        contenders = field(images, labels, args.steps, folder)
        models = {k: m for k, (m, _) in contenders.items() if m is not None}
        first = {k: loss(m) for k, m in models.items()}
        seconds = race(contenders, args.rounds, args.steps)
    learned = {k: dict(first_loss=first[k], test_loss=loss(m)) for k, m in models.items()}
    flop = BATCH * flop_per_image(classifier=False)
    result = dict(date=datetime.now(timezone.utc).date().isoformat(), note=args.note, machine=provenance(), dataset=args.dataset,
                  load=[before, os.getloadavg()[0]], batch=BATCH, rounds=args.rounds, steps=args.steps, flop=flop,
                  learning=check_learning(learned), gflops={clock: rates(t) for clock, t in seconds.items()},
                  contenders={clock: gather(t, flop) for clock, t in seconds.items()}, seconds=seconds)
    print('\n' + '\n'.join(tell(result)))
    if args.json: save(result, args.json, picture)


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--rounds', type=int, default=20)
    p.add_argument('--steps', type=int, default=10, help='of each contender in a round')
    p.add_argument('--threads', type=int, default=THREADS, help=f'of PyTorch; {THREADS} here')
    p.add_argument('--dataset', default='fashion_mnist')
    p.add_argument('--json', metavar='FILE', help='write the numbers here, and the picture beside it')
    p.add_argument('--note', default='', help='a line that goes with the numbers, such as "other work was running"')
    main(p.parse_args())
