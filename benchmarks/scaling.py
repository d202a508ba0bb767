"""How time grows with the number of models, the batch and the size of the code, against how the arithmetic grows.

    make bench-scaling                                                     about 5 minutes on two idle cores
    python benchmarks/scaling.py [--quick] [--json FILE] [--device cpu] [--precision float32]

Each row takes whole alternating steps (VAE and classifier) over the same images and says what a model and an image cost; rows take turns.
"""
import argparse, re, statistics, sys, time
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # from a checkout, without installing it

import torch
import torch.nn.functional as F
from muvae.batches import Batch
from muvae.experiments import Config, make_model
from muvae.machine import autocasting, keep_large_blocks, provenance
from muvae.models import LatentClassifier
from muvae.objectives import mu_vae
from muvae.paper import PAPER_MODELS
from muvae.training import Sides, Turn, classify, take
from saving import save
from stacked import Stack
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

MODELS, BATCHES, LATENTS = (1, 2, 4, 8), (64, 128, 256, 512, 1024, 2048, 4096), (2, 4, 8, 16, 32, 64, 128, 256)


def configs(n, latent=10, dataset='fashion_mnist'):
    "`n` models of the paper's grid, seed after seed"
    kinds = list(PAPER_MODELS.values())
    return [Config(dataset, **kinds[i % 4], latent=latent, seed=i // 4) for i in range(n)]


def one_step(precision='float32', batch=64, latent=10, classifier=True):
    "A function that takes a step as `train` does, of a VAE and, unless told not, a classifier; the first, which sets up, has been taken"
    model, net = make_model(configs(1, latent)[0]), LatentClassifier(latent)
    turns = (Turn(net, partial(classify, net=net)),) if classifier else ()
    opt, *opts = (torch.optim.Adam(m.parameters(), fused=True) for m in (model, *(t.net for t in turns)))
    sides = Sides(model, mu_vae, opt, turns, opts, autocasting(precision, 'cpu'))
    step = partial(take, sides, Batch(torch.rand(batch, 1, 28, 28), torch.zeros(batch, dtype=torch.int64)), 0)
    step()
    return step


def flop_per_image(latent=10, batch=64, classifier=True):
    "Floating-point operations of a step, forward and backward, an image; a multiplication and an addition are two"
    step = one_step(batch=batch, latent=latent, classifier=classifier)
    with FlopCounterMode(display=False) as counter: step()
    return counter.get_total_flops() / batch


class Traffic(TorchDispatchMode):
    "Counts the bytes of every tensor that an operation reads or writes, views apart: what moves if no cache helps"
    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        if not view and 'empty' not in func.name():
            self.bytes += sum(t.nbytes for t in tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor))
        return out


def bytes_per_image(precision='float32', batch=64):
    "Bytes that an alternating step reads and writes, an image"
    step = one_step(precision, batch)
    with Traffic() as traffic: step()
    return traffic.bytes / batch


KINDS = {'convolutions, backward': r'convolution_backward', 'convolutions, forward': r'conv',
         'leaky ReLU, backward': r'leaky_relu_backward', 'leaky ReLU, forward': r'leaky_relu',
         'matrix products': r'::(addmm|mm)$', 'Adam': r'(?i)adam', 'copies': r'::(copy_|clone|fill_|zero_)'}


def profile(precision='float32', steps=20):
    "Where the time of an alternating step goes: {kind of operation: its share}, and the share of those on 28 × 28 × 64 activations"
    step = one_step(precision)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], record_shapes=True) as p:
        for _ in range(steps): step()
    shares, wide = {}, 0
    for e in p.key_averages(group_by_input_shape=True):
        kind = next((k for k, pattern in KINDS.items() if re.search(pattern, e.key)), 'the rest')
        shares[kind] = shares.get(kind, 0) + e.self_cpu_time_total
        wide += e.self_cpu_time_total * ('64, 28, 28]' in str(e.input_shapes))
    whole = sum(shares.values())
    return {k: v / whole for k, v in sorted(shares.items(), key=lambda o: -o[1])}, wide / whole


def best(f, rounds=20):
    "Seconds of the fastest of a few calls of `f`"
    def once():
        start = time.perf_counter()
        f()
        return time.perf_counter() - start
    return min(once() for _ in range(rounds))


def product(precision='float32', n=1024):
    "A function that multiplies two `n` × `n` matrices, by `@` or by oneDNN, whichever is faster (on an AMD MKL's `@` does half in float32)"
    a, b = torch.randn(2, n, n, dtype=getattr(torch, precision))
    ways = [lambda: a @ b]
    if precision == 'float32' and torch.backends.mkldnn.is_available():
        c, d = a.to_mkldnn(), b.to_mkldnn()
        ways.append(lambda: F.linear(c, d))
    return min(ways, key=partial(best, rounds=5))


def roofline():
    "What a step computes and moves and where its time goes; what this machine computes and moves (copies of 13 MB) at its best"
    keep_large_blocks()
    out = dict(flop_per_image=flop_per_image())
    for p in ('float32', 'bfloat16'):
        out |= {f'bytes_{p}': bytes_per_image(p), f'flops_{p}': 2 * 1024**3 / best(product(p))}
    a, b = torch.randn(2, 64, 64, 28, 28)
    shares, wide = profile()
    return out | dict(copy_bytes_per_second=2 * a.nbytes / best(lambda: b.copy_(a)), profile=shares, profile_wide=wide)


def fake_data(n, seed=0):
    "Images and labels of the right shapes: time does not depend on what is in them"
    g = torch.Generator().manual_seed(seed)
    return {'fashion_mnist': (torch.rand(n, 1, 28, 28, generator=g), torch.randint(10, (n,), generator=g))}


def sync(device):
    if str(device).startswith('cuda'): torch.cuda.synchronize()


def seconds(stack, steps):
    "Seconds of `steps` steps of `stack`, its order and noise drawn before"
    stack._draw()
    sync(stack.device)
    start = time.perf_counter()
    for _ in range(steps): stack.graph.replay() if stack.graph else stack.step()
    sync(stack.device)
    return time.perf_counter() - start


def measure(rows, data, device='cpu', precision='float32', rounds=3, images=1024, way='vmap', say=print):
    "`rows` of dict(models, batch, latent) → the same with ms a model and 1,000 images, and the arithmetic of an image"
    times = [[] for _ in rows]
    flops = {latent: flop_per_image(latent) for latent in {r['latent'] for r in rows}}
    for _ in range(rounds):
        for i, r in enumerate(rows):  # one stack at a time in memory
            s = Stack(configs(r['models'], r['latent']), data, device, precision, way, r['batch'])
            steps = min(s.steps, max(1, images // r['batch']))
            seconds(s, 1)
            times[i].append(seconds(s, steps) / (steps * r['batch'] * r['models']))
            del s
    out = []
    for r, t in zip(rows, times):
        per = statistics.median(t)
        out.append(r | dict(ms_per_1000=1e6 * per, mflop=flops[r['latent']] / 1e6, gflops=flops[r['latent']] / per / 1e9))
        say('{models:3} models, batch {batch:4}, latent {latent:3}: {ms_per_1000:9.1f} ms a model and 1,000 images, '
            '{mflop:6.1f} MFLOP an image, {gflops:8.1f} GFLOP/s'.format(**out[-1]))
    return out


def table(result):
    "Rows of text: how time grew from the first row of each sweep, and how the arithmetic did"
    yield f"{'':>10} {'value':>6} {'s an epoch of 60,000':>21} {'time ×':>7} {'arithmetic ×':>13}"
    for sweep, rows in result['sweeps'].items():
        a = rows[0]
        for r in rows:
            size = r['models'] / a['models']
            t, f = size * r['ms_per_1000'] / a['ms_per_1000'], size * r['mflop'] / a['mflop']
            yield f"{sweep:>10} {r[sweep]:6} {r['models'] * r['ms_per_1000'] * .06:21.1f} {t:7.2f} {f:13.2f}"


def picture(result):
    "Time over arithmetic against each of the three, both relative to the first value; at or below 1 it grows no faster"
    import matplotlib.pyplot as plt
    from muvae.plots import COLORS, INK, style
    words = dict(models='models in a stack', batch='batch size', latent='size of the code')
    with style():
        fig, axs = plt.subplots(1, 3, figsize=(7.6, 2.5), sharey=True, layout='constrained')
        for ax, (sweep, rows) in zip(axs, result['sweeps'].items()):
            a = rows[0]
            ys = [(r['ms_per_1000'] / a['ms_per_1000']) / (r['mflop'] / a['mflop']) for r in rows]
            ax.axhline(1, color=INK, lw=.8)
            ax.plot([r[sweep] for r in rows], ys, marker='o', markersize=3.5, color=COLORS['mu3'])
            ax.set_xscale('log', base=2)
            ticks = [r[sweep] for r in rows][::1 if len(rows) < 5 else 2]
            ax.set_xticks(ticks, [str(t) for t in ticks])
            ax.minorticks_off()
            ax.set_xlabel(words[sweep])
        axs[0].set_ylim(0, None)
        axs[0].set_title('time, relative to the arithmetic', loc='left')
    return fig


def sweeps(device='cpu', precision='float32', quick=False, say=print, models=MODELS, **kw):
    "The three sweeps"
    cut = lambda values: values[::2] if quick else values
    data = fake_data(4096)
    row = lambda **kw: dict(models=1, batch=64, latent=10) | kw
    named = dict(models=[row(models=n) for n in cut(models)], batch=[row(batch=b) for b in (BATCHES[::2] if quick else BATCHES)],
                 latent=[row(latent=d) for d in cut(LATENTS)])
    return {k: measure(rows, data, device, precision, rounds=1 if quick else 3, say=say, **kw) for k, rows in named.items()}


def main(args):
    keep_large_blocks()
    begin = time.time()
    result = dict(date=datetime.now(timezone.utc).date().isoformat(), note=args.note, quick=args.quick, precision=args.precision,
                  machine=provenance(args.device), sweeps=sweeps(args.device, args.precision, args.quick))
    result['minutes'] = (time.time() - begin) / 60
    print('\n' + '\n'.join(table(result)))
    if args.json: save(result, args.json, picture)


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--quick', action='store_true', help='every other value, once')
    p.add_argument('--json', metavar='FILE', help='write the numbers here, and the picture beside it')
    p.add_argument('--device', default='cpu')
    p.add_argument('--precision', default='float32', choices=('float32', 'bfloat16'))
    p.add_argument('--note', default='', help='a line that goes with the numbers')
    main(p.parse_args())
