"""Everything for a machine with one NVIDIA GPU, in less than 9 minutes: is it right, how fast is it, and the paper's grid.

    python benchmarks/gpu.py [--minutes 8.5] [--out benchmarks/results/gpu]      needs torch >= 2.6 and what muvae imports, not nbdev
    python benchmarks/gpu.py --check                                            the same on a CPU and a few images, in a minute

It checks the GPU against the CPU (losses, one step, one short run), measures eager steps, CUDA graphs and stacked models, how time grows
with models, batch and code, and then trains the paper's eight models for 50 epochs with as many seeds as time allows. A part that fails is
noted and the others go on; gpu.json is written after each. Files: gpu.json, grid.csv (a row a model and seed), weights_seed0.safetensors.
"""
import argparse, csv, gc, json, platform, statistics, sys, time, traceback
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

root = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(root), str(root/'benchmarks')]  # from a checkout, without installing it

import scaling
import torch
from muvae.data import DataError, load
from muvae.experiments import Config, make_model, make_objective
from muvae.losses import beta_vae_loss, elbo_loss, mu_loss
from muvae.machine import provenance
from muvae.paper import PAPER, PAPER_GRID
from muvae.storage import write_tensors
from muvae.training import train
from stacked import Stack


def machine(device):
    try: return provenance(device)
    except Exception: return dict(torch=torch.__version__, python=platform.python_version(), hardware=torch.cuda.get_device_name())


def data_at_hand(small):
    "{data set: (train, test)} of what can be had, all of 60,000; digits, repeated, in place of a set that cannot"
    if small:
        few = tuple(tuple(o[:64] for o in load('digits', split)) for split in ('train', 'test'))
        return dict(fashion_mnist=few, mnist=few), []
    sets, missing = {}, []
    for d in ('fashion_mnist', 'mnist'):
        try: sets[d] = load(d), load(d, 'test')
        except DataError:
            missing.append(d)
            x, y = load('digits')
            times = -(-60_000 // len(x))
            sets[d] = (x.repeat(times, 1, 1, 1)[:60_000], y.repeat(times)[:60_000]), load('digits', 'test')
    return sets, missing


# 1. the GPU against the CPU

def check(device, sets, small):
    "Greatest relative differences between the CPU and `device`, float32 without TF32"
    tf32, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        g = torch.Generator().manual_seed(0)
        x, r = torch.rand(2, 64, 1, 28, 28, generator=g, dtype=torch.float64)
        mu, logvar = torch.randn(2, 64, 10, generator=g, dtype=torch.float64)
        on = lambda f, d: f(*(o.to(d) for o in (r, x, mu, logvar))).item()
        out = dict(losses=max(abs(on(f, device) / on(f, 'cpu') - 1) for f in (elbo_loss, beta_vae_loss, mu_loss)))
        train_x, train_y = (o[:128] for o in sets['fashion_mnist'][0])
        stacks = [Stack(scaling.configs(4), {'fashion_mnist': (train_x, train_y)}, d, graph=False) for d in ('cpu', device)]
        stacks[0]._draw()
        for s in stacks[1:]: s._draw(), s.order.copy_(stacks[0].order), s.eps.copy_(stacks[0].eps)
        for s in stacks: s.step()
        a, b = (s.total.cpu() for s in stacks)
        out |= dict(step_losses=((b - a) / a).abs().max().item(), step_weights=weight_gap(*stacks))
        (n, m), loss, reach = (128, 200) if small else (6400, 2000), make_objective(Config()), {}
        for d in dict.fromkeys(('cpu', device)):
            (x, y), (tx, ty) = sets['fashion_mnist']
            rows, _ = train(make_model(Config()), x[:n], y[:n], loss, (tx[:m], ty[:m]), epochs=2, device=d, progress=False)
            reach[str(d)] = {k: rows[-1][k] for k in ('test_recon', 'test_kl', 'test_acc_mu', 'test_acc_z')}
        first, last = list(reach.values())[0], list(reach.values())[-1]
        out |= dict(short_run=reach, short_run_recon=abs(last['test_recon'] / first['test_recon'] - 1))
        # Adam's first step is lr · sign of the gradient, so a gradient of nearly 0 may move a weight by 2e-4: the mean tells
        out['passed'] = out['losses'] < 1e-10 and out['step_losses'] < 1e-4 and out['step_weights'] < 1e-6 and out['short_run_recon'] < .05
    finally: torch.backends.cudnn.allow_tf32 = tf32
    return out


def weight_gap(a, b):
    "Mean absolute difference of the weights of two stacks"
    pairs = [(p.detach().cpu(), q.detach().cpu()) for k in a.nets for p, q in zip(a.nets[k][1].values(), b.nets[k][1].values())]
    return sum((p - q).abs().sum().item() for p, q in pairs) / sum(p.numel() for p, _ in pairs)


# 2. how fast

def throughput(device, sets, small, note):
    "Seconds an epoch of 60,000 images for each way, precision and number of models"
    cuda, rows, batch = device != 'cpu', [], 16 if small else 64
    data = {'fashion_mnist': sets['fashion_mnist'][0]}
    def row(label, n=1, steps=1 if small else 200, **kw):
        try:
            s = Stack(scaling.configs(n), data, device, batch=batch, **kw)
            took = [scaling.seconds(s, min(steps, s.steps)) / min(steps, s.steps) for _ in range(2 if small else 4)][1:]
            rows.append(dict(label=label, models=n, batch=batch, seconds_per_epoch=statistics.median(took) * (60_000 // batch)) | kw)
            print('{label:22} {models:3} models  {seconds_per_epoch:8.3f} s an epoch'.format(**rows[-1]), flush=True)
        except Exception as e:
            note(f'{label}, {n} models: {type(e).__name__}: {e}')
        free()
    row('eager', way='streams', graph=False)
    for p in ('float32', 'bfloat16'):
        if cuda: row(f'graph {p}', way='streams', precision=p)
        for way in ('vmap', 'streams'):
            for n in (2,) if small else (8, 40): row(f'{way} {p}', n, way=way, precision=p)
    return rows


def pythae_epoch(device, sets):
    "Seconds of pythae's epoch on this device, scaled to 60,000 images; None where it is not installed"
    try: import pythae  # noqa: F401
    except ImportError: return None
    import compare
    images = sets['fashion_mnist'][0][0][:12_800]
    seconds, *_ = compare.pythae(compare.fresh_model(), images, None, 3, no_cuda=device == 'cpu')
    return min(seconds[1:]) * 60_000 / len(images)


# 3. the paper's grid

def grid(device, sets, seeds, epochs, way, precision, out, small):
    "The paper's eight models, `seeds` of each, in one stack; a row a model and seed"
    configs = [replace(c, seed=s, epochs=epochs) for s in range(seeds) for c in PAPER_GRID.values()]
    start = time.time()
    stack = Stack(configs, {d: s[0] for d, s in sets.items()}, device, precision, way)
    ready = time.time()
    for e in range(epochs):
        told = stack.epoch()
        if (e + 1) % 10 == 0: print(f'epoch {e+1}/{epochs}, loss {told["loss"].mean():.2f}, {time.time()-ready:.1f} s', flush=True)
    trained = time.time()
    rows = []
    for i, c in enumerate(configs):
        e = stack.evaluate(i, *sets[c.dataset][1])
        rows.append(dict(name=c.name, seed=c.seed, epochs=epochs, precision=precision, paper=PAPER.get(c.name))
                    | {k: round(v, 4) for k, v in e.items()})
    with open(out/'grid.csv', 'w', newline='', encoding='utf-8') as f:
        w = csv.DictWriter(f, rows[0], lineterminator='\n')
        w.writeheader()
        w.writerows(rows)
    first = {f'{c.name}/{k}': v for i, c in enumerate(configs) if c.seed == 0 for k, v in stack.unstacked(i)[0].state_dict().items()}
    write_tensors(out/'weights_seed0.safetensors', first)
    for r in rows[:8]: print(f"{r['name']:22} acc on μ {r['acc_mu']:5.1f}, on z {r['acc_z']:5.1f}   paper {r['paper']}", flush=True)
    return dict(models=len(configs), seeds=seeds, epochs=epochs, way=way, precision=precision, seconds=trained - ready,
                set_up=ready - start, evaluation=time.time() - trained)


def free():
    gc.collect()
    if torch.cuda.is_available(): torch.cuda.empty_cache()


def main(args):
    if not args.check and not torch.cuda.is_available(): sys.exit('no GPU here; --check runs the same on a CPU with a few images')
    begin, small, device = time.time(), args.check, 'cpu' if args.check else 'cuda'
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    sets, missing = data_at_hand(small)
    result = dict(date=datetime.now(timezone.utc).isoformat(timespec='seconds'), check_only=small, machine=machine(device), errors=[],
                  digits_in_place_of=missing)

    def note(text):
        print('FAILED', text, flush=True)
        result['errors'].append(text)

    def part(name, f, *a):
        print(f'\n{name}, at {time.time()-begin:.0f} s', flush=True)
        try: result[name] = f(*a)
        except Exception as e:
            traceback.print_exc()
            note(f'{name}: {type(e).__name__}: {e}')
        (out/'gpu.json').write_text(json.dumps(result, indent=1) + '\n')
        free()
        return result.get(name)

    left = lambda: args.minutes * 60 - (time.time() - begin)
    print(json.dumps(part('check', check, device, sets, small), indent=1))
    rows = part('throughput', throughput, device, sets, small, note) or []
    part('pythae', pythae_epoch, device, sets)
    eight = min((r for r in rows if r['models'] == (2 if small else 8)), key=lambda r: r['seconds_per_epoch'], default=None)
    way, precision = (eight['way'], eight['precision']) if eight else ('vmap', 'float32')
    epochs = 1 if small else 50
    one = part('grid', grid, device, sets, 1, epochs, way, precision, out, small)
    kw = dict(quick=True, way=way, models=(1, 2) if small else (1, 2, 4, 8, 16, 32)) | (dict(images=64) if small else {})
    if not small: part('scaling', partial(scaling.sweeps, device, precision, **kw))
    if one and not small:  # more seeds, as many as the time that is left allows
        seeds = min(5, int(.8 * left() / (one['seconds'] + one['evaluation'])))
        if seeds > 1: part('grid_seeds', grid, device, sets, seeds, epochs, way, precision, out, small)
    summary = {}
    single = min((r['seconds_per_epoch'] for r in rows if r['models'] == 1), default=None)
    if single: summary['epoch_of_one_model'] = single
    if single and result.get('pythae'): summary['vs_pythae'] = result['pythae'] / single
    if one: summary['grid_seconds'] = one['seconds']
    if many := result.get('grid_seeds'): summary |= dict(grid_seeds=many['seeds'], grid_seeds_seconds=many['seconds'])
    result |= dict(summary=summary, minutes=(time.time() - begin) / 60)
    (out/'gpu.json').write_text(json.dumps(result, indent=1) + '\n')
    print('\n' + json.dumps(summary, indent=1) + f"\n{result['minutes']:.1f} minutes, files in {out}")
    if result['errors'] or not (result.get('check') or {}).get('passed'): sys.exit('some parts failed: see errors and check in gpu.json')


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--check', action='store_true', help='on a CPU, with a few images')
    p.add_argument('--minutes', type=float, default=8.5)
    p.add_argument('--out', default=str(root/'benchmarks/results/gpu'))
    main(p.parse_args())
