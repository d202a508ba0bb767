"""muvae against what people would use instead, whole processes: the same networks, first weights, objective, images and steps.

    make bench-processes                              about 12 minutes if nothing else runs, installs pythae
    python benchmarks/compare.py [--quick] [--minutes 12] [--json FILE]

Each contender trains in a process of its own, 12,800 images of Fashion-MNIST an epoch, batch 64, Adam 1e-4, three epochs of which the
first is dropped; the processes take turns. Where a probe says that it would take longer than `--minutes`, all train on fewer images.
The objective is pythae's, ½‖x − x′‖² + KL. The environment is the same for all; what a contender sets by itself (muvae: memory
layout, fused Adam, large blocks kept) is its own doing. For a ratio that other work on the machine cannot decide see paired.py.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time
from datetime import datetime, timezone
from functools import partial

from saving import save

IMAGES, BATCH, EPOCHS, LR, SEED = 12_800, 64, 3, 1e-4, 0
NAMES = {
    'pythae':        'pythae',
    'pythae-fused':  'pythae, fused Adam',
    'muvae':         'muvae, default (float32)',
    'muvae-auto':    'muvae, --precision auto',
    'loader-0':      'DataLoader loop, 0 workers',
    'loader-2':      'DataLoader loop, 2 workers',
    'muvae+clf':      'muvae, default (float32)',
    'muvae-auto+clf': 'muvae, --precision auto'}
WITH_CLASSIFIER = 'loader-0', 'loader-2', 'muvae+clf', 'muvae-auto+clf'


# What every contender has in common. torch is imported within: the parent only starts processes.

def objective(recon, target, mu, logvar):
    "pythae's: half the squared error, and the KL"
    from muvae.losses import kl_divergence, recon_loss
    return recon_loss(recon, target) / 2 + kl_divergence(mu, logvar).mean()


def fresh_model():
    "ConvVAE with the same first weights for all, in PyTorch's own memory layout"
    import torch
    from muvae.models import ConvVAE
    torch.manual_seed(SEED)
    return ConvVAE()


# Four ways to train it. Each takes (model, images, labels, epochs) and gives (seconds an epoch, classifier, what it says of itself).

def pythae_trainer(model, images, epochs, folder, fused=False, no_cuda=True, callbacks=()):
    "pythae's trainer for its VAE made of the modules of `model`"
    import torch
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.latent_dim, self.body, self.mu, self.logvar = model.latent_dim, model.encoder, model.mu, model.logvar
        def forward(self, x):
            h = self.body(x)
            return ModelOutput(embedding=self.mu(h), log_covariance=self.logvar(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.body = model.decoder
        def forward(self, z): return ModelOutput(reconstruction=self.body(z))

    vae = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=model.latent_dim, reconstruction_loss='mse'), Encoder(), Decoder())
    config = BaseTrainerConfig(output_dir=folder, num_epochs=epochs, per_device_train_batch_size=BATCH, learning_rate=LR,
                               optimizer_params=dict(fused=True) if fused else None, no_cuda=no_cuda)
    return BaseTrainer(vae, BaseDataset(images, torch.zeros(len(images))), training_config=config, callbacks=list(callbacks) or None)


def pythae(model, images, labels, epochs, fused=False, no_cuda=True):
    from pythae.trainers.training_callbacks import TrainingCallback

    class Clock(TrainingCallback):
        seconds = []
        def on_epoch_begin(self, *args, **kw): self.start = time.perf_counter()
        def on_epoch_end(self, *args, **kw): self.seconds.append(time.perf_counter() - self.start)

    with tempfile.TemporaryDirectory() as d: pythae_trainer(model, images, epochs, d, fused, no_cuda, [Clock()]).train()
    return Clock.seconds, None, {}


class Pictures:
    "Images as torchvision's data sets hold and give them: bytes, and a PIL image made and turned to a tensor for each"
    def __init__(self, images, labels):
        self.data, self.targets = (255 * images[:, 0]).round().byte(), labels

    def __len__(self): return len(self.data)

    def __getitem__(self, i):
        from PIL import Image
        from torchvision.transforms.functional import to_tensor
        return to_tensor(Image.fromarray(self.data[i].numpy())), int(self.targets[i])


def plain_batches(images, labels, workers=0):
    from torch.utils.data import DataLoader
    return DataLoader(Pictures(images, labels), BATCH, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0)


def plain_step(model, opt, x):
    "A step of the VAE as a tutorial has it; gives z and the loss"
    recon, mu, logvar, z = model(x)
    loss = objective(recon, x, mu, logvar)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return z, loss


def loader(model, images, labels, epochs, workers=0):
    "What a good tutorial would write"
    import torch
    import torch.nn.functional as F
    from muvae.models import LatentClassifier
    batches, classifier, seconds = plain_batches(images, labels, workers), LatentClassifier(), []
    opt, clf_opt = torch.optim.Adam(model.parameters(), LR), torch.optim.Adam(classifier.parameters(), LR)
    for _ in range(epochs):
        start, total, clf_total = time.perf_counter(), 0, 0
        for x, y in batches:
            z, loss = plain_step(model, opt, x)
            clf_loss = F.cross_entropy(classifier(z.detach()), y)
            clf_opt.zero_grad()
            clf_loss.backward()
            clf_opt.step()
            total, clf_total = total + loss.item(), clf_total + clf_loss.item()
        seconds.append(time.perf_counter() - start)
    return seconds, classifier, {}


def muvae(model, images, labels, epochs, precision='float32'):
    import muvae.training as t
    import torch
    from muvae.batches import Batch
    from muvae.machine import LAYOUTS, keep_large_blocks
    from muvae.models import LatentClassifier
    from muvae.objectives import as_objective
    keep_large_blocks()  # as muvae_run does
    model, ours, seconds = model.to(memory_format=torch.channels_last), as_objective(objective), []  # the layout is make_model's
    start = time.perf_counter()
    if precision == 'auto':
        net = LatentClassifier()
        turns = () if labels is None else (t.Turn(net, partial(t.classify, net=net)),)
        way = t.fastest(model, Batch(images[:BATCH], None if labels is None else labels[:BATCH]), ours, turns)[0]
        model, precision = model.to(memory_format=LAYOUTS[way.layout]), way.precision
    train_epoch = t.train_epoch
    def timed(*args):  # the others do not measure after an epoch
        begin = time.perf_counter()
        means = train_epoch(*args)
        seconds.append(time.perf_counter() - begin)
        return means
    t.train_epoch = timed
    rows, classifier = t.train(model, images, labels, ours, epochs=epochs, batch_size=BATCH, lr=LR, seed=SEED, device='cpu',
                               precision=precision, progress=False)
    whole, t.train_epoch = time.perf_counter() - start, train_epoch
    return seconds, classifier, dict(precision=precision, before_first_epoch=whole - sum(r['seconds'] for r in rows))


def trainer(name):
    kind, _, setting = name.removesuffix('+clf').partition('-')
    if kind == 'pythae': return partial(pythae, fused=setting == 'fused')
    if kind == 'loader': return partial(loader, workers=int(setting))
    return partial(muvae, precision=setting or 'float32')


def peak_mb(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in kB


def contend(name, n_images, epochs):
    "Train contender `name`; prints its numbers as the last line"
    import torch
    from muvae.data import load
    from muvae.machine import seed_all
    from muvae.training import evaluate
    (images, labels), (test_x, test_y), model = load('fashion_mnist'), load('fashion_mnist', 'test'), fresh_model()
    images, labels = images[:n_images].clone(), labels[:n_images].clone() if name in WITH_CLASSIFIER else None
    def loss_on_test(n, classifier=None):
        seed_all('test')
        e = evaluate(model, test_x[:n], test_y[:n], classifier)
        return dict(test_loss=e['recon']/2 + e['kl'], test_recon=e['recon'], test_kl=e['kl']) | {k: e[k] for k in e if k.startswith('acc')}
    first = loss_on_test(256)['test_loss']
    torch.manual_seed(SEED)
    seconds, classifier, said = trainer(name)(model, images, labels, epochs)
    peak = peak_mb()
    print(json.dumps(dict(seconds=seconds, first_loss=first, peak_mb=peak, **said, **loss_on_test(min(10_000, n_images), classifier))))


def start(name, n_images=IMAGES, epochs=EPOCHS):
    "Run `contend` in a process of its own"
    env = {k: v for k, v in os.environ.items() if not k.startswith(('MALLOC_', 'OMP_', 'MKL_', 'KMP_', 'LD_PRELOAD', 'ATEN_', 'ONEDNN_'))}
    env |= dict(OMP_NUM_THREADS=str(THREADS), CUDA_VISIBLE_DEVICES='')
    command = [sys.executable, __file__, '--contender', name, '--images', str(n_images), '--epochs', str(epochs)]
    r = subprocess.run(command, env=env, capture_output=True, text=True)
    if r.returncode: sys.exit(f'{name} failed:\n{r.stderr[-3000:]}')
    return json.loads(r.stdout.splitlines()[-1])


THREADS = int(os.environ.get('BENCH_THREADS', len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()))


def gather(runs, n_images):
    "Numbers of one contender from its `runs`, a dict for each round"
    seconds = [s for r in runs for s in r['seconds'][1:]]
    median = statistics.median(seconds)
    mean = lambda k: statistics.mean(r[k] for r in runs)
    keep = ('test_loss', 'test_recon', 'test_kl', 'acc_mu', 'acc_z')
    return dict(seconds=seconds, median_seconds=median, images_per_second=n_images / median, seconds_per_60000=median * 60_000 / n_images,
                peak_mb=max(r['peak_mb'] for r in runs), first_loss=runs[0]['first_loss'],
                before_first_epoch=[r['before_first_epoch'] for r in runs if 'before_first_epoch' in r],
                precision=runs[-1].get('precision', 'float32')) | {k: mean(k) for k in keep if k in runs[0]}


def ratios(c):
    "How much faster: seconds of the opponent (the better of its two settings) over ours"
    best = lambda *names: min((c[n]['median_seconds'] for n in names if n in c), default=None)
    over = lambda a, b: a / b if a and b else None
    p, l = best('pythae', 'pythae-fused'), best('loader-0', 'loader-2')
    plain = best('pythae')
    return dict(vae_fp32_vs_pythae=over(plain, best('muvae')), vae_best_vs_pythae=over(plain, best('muvae', 'muvae-auto')),
                vae_fp32_vs_pythae_fused=over(p, best('muvae')), vae_best_vs_pythae_fused=over(p, best('muvae', 'muvae-auto')),
                alternating_fp32_vs_dataloader=over(l, best('muvae+clf')),
                alternating_best_vs_dataloader=over(l, best('muvae+clf', 'muvae-auto+clf')))


SAME = .03  # how far test losses after equal steps may lie from their median


def check_learning(c):
    "The contenders start from one loss and come to one loss; a text that says so, or `SystemExit`"
    first = [v['first_loss'] for v in c.values()]
    if max(first) - min(first) > 1e-3 * max(first): sys.exit(f'the contenders do not start from the same weights: {first}')
    middle = statistics.median(v['test_loss'] for v in c.values())
    off = {k: v['test_loss'] / middle - 1 for k, v in c.items()}
    least, most = (f'{100*o:+.1f} %'.replace('-', '−') for o in (min(off.values()), max(off.values())))
    said = f'test loss after equal steps: median {middle:.2f}, from {least} to {most}'
    if max(map(abs, off.values())) > SAME: sys.exit(f'the contenders do not learn the same: {said}; {off}')
    return said


def tell(result):
    "The result as text"
    m, c = result['machine'], result['contenders']
    yield f"{m['hardware']}, {m['threads']} threads, PyTorch {m['torch']}, {result['date']}, commit {m['commit']}"
    if result['note']: yield result['note']
    yield f"{'':31} {'images/s':>9} {'s/epoch of 60,000':>18} {'peak MB':>8} {'test loss':>10} {'acc. on z, %':>13}"
    for k, v in c.items():
        if k == 'pythae': yield 'the VAE alone'
        if k == 'loader-0': yield 'VAE and classifier in turns'
        acc = f"{v['acc_z']:13.1f}" if k in WITH_CLASSIFIER else ''
        speed = f"{v['images_per_second']:9.0f} {v['seconds_per_60000']:18.1f} {v['peak_mb']:8.0f}"
        yield f"  {NAMES[k]:29} {speed} {v['test_loss']:10.2f} {acc}".rstrip()
    yield result['learning']
    for k, v in result['ratios'].items():
        if v is None: continue
        yield f'{k:32} {v:5.2f} ×'
    r = result['roofline']
    yield (f"an image takes {r['flop_per_image']/1e6:.0f} MFLOP and moves {r['bytes_float32']/1e6:.1f} MB in float32, "
           f"{r['bytes_bfloat16']/1e6:.1f} MB in bfloat16; "
           f"this machine computes {r['flops_float32']/1e9:.0f} and {r['flops_bfloat16']/1e9:.0f} GFLOP/s and copies "
           f"{r['copy_bytes_per_second']/1e9:.1f} GB/s")
    for k, s, compute, move in bound(result):
        yield f'{k:15} {s:6.1f} s an epoch; the arithmetic alone {compute:.1f} s, the bytes alone {move:.1f} s'
    for q in result['quality']:
        acc = f"accuracy {q['acc_mu']:.1f} % on μ, {q['acc_z']:.1f} % on z"
        after = f"quality after 3 × {result['quality_images']:,} images, {q['name']} ({q['precision']}):"
        yield f"{after:65} ‖x − x′‖² {q['test_recon']:.2f}  KL {q['test_kl']:.2f}  {acc}"


def bound(result):
    "Rows of (contender, its seconds an epoch, the seconds of the arithmetic alone at full speed, those of moving the bytes)"
    r = result['roofline']
    for k in ('muvae+clf', 'muvae-auto+clf'):
        if k not in result['contenders']: continue
        c = result['contenders'][k]
        p = c['precision']
        compute, move = r['flop_per_image'] / r[f'flops_{p}'], r[f'bytes_{p}'] / r['copy_bytes_per_second']
        yield k, c['seconds_per_60000'], 60_000 * compute, 60_000 * move


def picture(result):
    "Seconds an epoch of 60,000 images: a bar for each contender, the opponents grey"
    import matplotlib.pyplot as plt
    from muvae.plots import COLORS, INK, style
    c = result['contenders']
    groups = {'the VAE alone': [k for k in c if k not in WITH_CLASSIFIER],
              'VAE and classifier in turns': [k for k in c if k in WITH_CLASSIFIER]}
    groups = {k: v for k, v in groups.items() if v}
    with style():
        fig, axs = plt.subplots(len(groups), 1, figsize=(4.9, .9 + .32*len(c)), sharex=True, layout='constrained', squeeze=False)
        for ax, (title, names) in zip(axs[:, 0], groups.items()):
            values = [c[k]['seconds_per_60000'] for k in names]
            colors = [COLORS['mu3'] if k.startswith('muvae') else INK for k in names]
            ax.barh(range(len(names)), values, color=colors, height=.68)
            for i, v in enumerate(values): ax.text(v, i, f'  {v:.1f} s', va='center')
            ax.set_yticks(range(len(names)), [NAMES[k] for k in names])
            ax.invert_yaxis()
            ax.grid(False)
            ax.set_title(title, loc='left')
        ax.set_xlabel('seconds an epoch of 60,000 images')
    return fig


def sizes(args, rounds, n_contenders):
    "Images an epoch for the contenders, and for the comparison of quality: as asked, or as many as `--minutes` leave room for here"
    if args.images and args.quality: return args.images, args.quality
    steps = lambda seconds: max(10, int(seconds / per_step)) * BATCH
    probe, minutes = 10 * BATCH, args.minutes or (5 if args.quick else 12)
    seconds = 60 * max(minutes - 1, .5)  # the last minute is for evaluation
    begin = time.time()
    per_step = start('loader-0', probe, 2)['seconds'][1] / 10  # none is slower
    left = seconds - (time.time() - begin) * (1 + rounds * n_contenders / 2) * .8  # each contender has to start as well
    images = args.images or min(IMAGES, steps(.7 * left / (.75 * rounds * n_contenders * args.epochs)))
    quality = args.quality or (images if args.quick else min(60_000, steps(.3 * left / (.75 * 2 * 3))))
    if not args.images and images < IMAGES:
        print(f'{images:,} images an epoch, so that it takes about {minutes:g} minutes here if nothing else runs', flush=True)
    return images, quality


def main(args):
    from importlib.util import find_spec
    from muvae.data import load
    from muvae.machine import provenance
    names = args.only.split(',') if args.only else list(NAMES)
    if any(n.startswith('pythae') for n in names) and not find_spec('pythae'): sys.exit("pythae is not installed: pip install '.[bench]'")
    load('fashion_mnist')  # fetched now, not within a contender's time
    begin, rounds, runs = time.time(), args.rounds or (1 if args.quick else 2), {n: [] for n in names}
    args.images, n_quality = sizes(args, rounds, len(names))
    for r in range(rounds):
        for n in names if r % 2 == 0 else names[::-1]:
            runs[n].append(start(n, args.images, args.epochs))
            seconds = ' '.join(f'{s:6.2f}' for s in runs[n][-1]['seconds'])
            print(f'round {r+1}/{rounds}  {n:15} {seconds} s an epoch of {args.images:,}', flush=True)
    c = {n: gather(v, args.images) for n, v in runs.items()}
    quality = []
    for n in ('muvae+clf', 'muvae-auto+clf'):
        if n not in c: continue
        run = c[n] if n_quality == args.images else start(n, n_quality, 3)
        quality.append(dict(name=n) | {k: run[k] for k in ('precision', 'test_recon', 'test_kl', 'acc_mu', 'acc_z')})
    roofline = start('roofline')
    machine = provenance() | dict(threads=THREADS)
    result = dict(date=datetime.now(timezone.utc).date().isoformat(), note=args.note, quick=args.quick, machine=machine, rounds=rounds,
                  images=args.images, epochs=args.epochs, batch=BATCH, minutes=(time.time() - begin) / 60, contenders=c, ratios=ratios(c),
                  learning=check_learning(c), roofline=roofline, quality_images=n_quality, quality=quality)
    print('\n' + '\n'.join(tell(result)))
    if args.json: save(result, args.json, picture)


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--quick', action='store_true', help='one round, 5 minutes')
    p.add_argument('--minutes', type=float, help='how long it may take, on fewer images where it has to be; 12, or 5 with --quick')
    p.add_argument('--json', metavar='FILE', help='write the numbers here, and the picture beside it')
    p.add_argument('--note', default='', help='a line that goes with the numbers, such as "other work was running"')
    p.add_argument('--only', metavar='NAMES', help=f'with commas between: {", ".join(NAMES)}')
    p.add_argument('--rounds', type=int, default=0)
    p.add_argument('--images', type=int, help=f'an epoch, whatever it takes; otherwise {IMAGES:,} or fewer')
    p.add_argument('--epochs', type=int, default=EPOCHS)
    p.add_argument('--quality', type=int, help='images of the three epochs that bf16 and float32 are compared after')
    p.add_argument('--contender', help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.contender == 'roofline': print(json.dumps(__import__('scaling').roofline()))
    elif args.contender: contend(args.contender, args.images, args.epochs)
    else: main(args)
