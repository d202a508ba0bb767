"The package as people import it: without nbdev, Jupyter or ipywidgets, and light"
import ast, subprocess, sys
from importlib import import_module
from pathlib import Path

import pytest

BLOCK = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'nbdev', 'execnb', 'ghapi', 'IPython', 'ipykernel', 'ipywidgets', 'jupyter_client', 'nbformat'}:
            raise ModuleNotFoundError(name + ' is not here', name=name)
sys.meta_path.insert(0, Block())
"""


def python(code):
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)


def test_public_names_without_nbdev():
    r = python(BLOCK + """
from muvae.losses import mu_loss, elbo_loss, beta_vae_loss, recon_loss, kl_divergence, mu_regularizer, clip_latent
from muvae.models import ToyVAE, ConvVAE, LatentClassifier, reparameterize
from muvae.data import load
from muvae.metrics import kl_per_dim, active_units, mmd2, latent_accuracy
from muvae.training import train
from muvae.experiments import Config, run, load_run, PAPER_GRID
import muvae.plots, muvae.figures, muvae.cli, muvae.widgets, muvae.grid, muvae.paper
x, y = load('digits')
rows, classifier = train(ToyVAE(clip=3), x, y, epochs=1, device='cpu', progress=False)
assert muvae.widgets.explorer(ToyVAE()).startswith('<style>')
print(len(rows))
""")
    assert r.returncode == 0 and r.stdout == '1\n', r.stderr


@pytest.mark.parametrize('module, heavy', [
    ('muvae.cli', 'torch numpy matplotlib sklearn torchvision'),
    ('muvae.losses', 'torchvision sklearn matplotlib fastcore'),
    ('muvae.data', 'torchvision sklearn matplotlib'),
    ('muvae.fetch', 'torch numpy torchvision sklearn matplotlib'),
])
def test_light_imports(module, heavy):
    r = python(f'import sys, {module}; print([m for m in {heavy.split()!r} if m in sys.modules])')
    assert r.stdout == '[]\n', r.stdout + r.stderr


@pytest.mark.parametrize('first, then, seconds', [('torch', 'muvae.losses', .3), ('sys', 'muvae.cli', .5)])
def test_quick_imports(first, then, seconds):
    "Processor time, so that other work does not count; `muvae_run --help` imports the second alone"
    r = python(f'import time, {first}; start = time.process_time(); import {then}; print(time.process_time() - start)')
    assert float(r.stdout) < seconds, r.stdout + r.stderr


# What a module may import: the rooms named here, and whatever those may; CONTRIBUTING.md has the same in words
ARROWS = {module: set(rooms.split()) for module, rooms in dict(
    _moved='', _showdoc='', checks='',
    losses='checks', metrics='checks', fetch='checks', machine='checks', storage='checks', batches='checks', plots='checks',
    information='metrics',
    models='losses', decoders='models', data='fetch', codes='models batches metrics machine',
    objectives='models metrics', training='objectives codes storage data', samples='codes information', diagnosis='samples',
    experiments='training diagnosis decoders', grid='experiments',
    figures='experiments plots', widgets='experiments plots', paper='figures grid',
    bench='paper diagnosis', cli='bench', cli_diagnose='cli', cli_bench='cli bench').items()}
LATE = {('diagnosis', 'plots')}  # inside a function alone
ANYBODY = {'_moved'}             # imports nothing, and names modules by strings when it is asked


def below(module): return ARROWS[module].union(*map(below, ARROWS[module]))


def imports(path, late=True):
    "Modules of the repository that `path` imports, anywhere in it or (not `late`) when it is itself imported"
    tree, out = ast.parse(path.read_text(encoding='utf-8')), set()
    functions = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = {o for f in functions for statement in f.body for o in ast.walk(statement)}
    for o in ast.walk(tree):
        if not late and o in inner: continue
        if isinstance(o, ast.Import): out |= {a.name for a in o.names}
        if isinstance(o, ast.ImportFrom):
            base = '.'.join(filter(None, ['muvae' * bool(o.level), o.module]))
            out |= {base, *(f'{base}.{a.name}' for a in o.names)}
        if isinstance(o, ast.Call) and getattr(o.func, 'id', getattr(o.func, 'attr', '')) in ('__import__', 'import_module'):
            out |= {a.value for a in o.args if isinstance(a, ast.Constant)}
    return out


root = Path(__file__).resolve().parent.parent
MODULES = {p.stem: p for p in sorted((root/'muvae').glob('*.py')) if p.stem not in ('__init__', '_modidx')}


def rooms(module, late=True): return {n.removeprefix('muvae.') for n in imports(MODULES[module], late)} & {*MODULES} - {module}


@pytest.mark.parametrize('module', MODULES)
def test_arrows_run_one_way(module):
    "Each module stands in the table and imports only what is below it, inside functions too"
    late = {to for of, to in LATE if of == module}
    assert module in ARROWS, f'{module} is new: say in ARROWS what it may import'
    assert rooms(module) <= below(module) | ANYBODY | late
    assert not rooms(module, late=False) & late


def circle(arrows):
    "Names that lead back to the first of them along `arrows`, or None"
    done = set()
    def walk(path):
        for n in sorted(arrows.get(path[-1], ())):
            if n in path: return [*path[path.index(n):], n]
            if n not in done and (found := walk([*path, n])): return found
        done.add(path[-1])
    return next(filter(None, (walk([n]) for n in sorted(arrows))), None)


def test_circle_is_found():
    assert circle(dict(a='b', b='c', c='')) is None and circle(dict(a='bd', d='', b='c', c='ab')) == ['a', 'b', 'c', 'a']


def test_no_circle_anywhere():
    "Package, benchmarks, tools and tests"
    paths = [p for d in ('muvae', 'benchmarks', 'tools', 'tests') for p in (root/d).glob('*.py') if p.stem != '__init__']
    files = {'muvae.'*(p.parent.name == 'muvae') + p.stem: p for p in paths}
    arrows = {name: imports(p) & {*files} - {name} for name, p in files.items()}
    assert 'muvae.models' in arrows['muvae.training'] and 'muvae.paper' in arrows['muvae.cli']  # the graph is not empty
    assert circle(arrows) is None


MOVED = {'experiments': {'paper': 'PAPER_MODELS PAPER_GRID PAPER TOY_MODELS READING_MODELS COLUMNS mean_std table'},
         'figures': {'paper': 'PAPER_FIGURES figure_runs paper_figure'},
         'cli': {'grid': 'run_all', 'paper': 'write_report'}}


@pytest.mark.parametrize('old, new, name', [(a, b, n) for a, places in MOVED.items() for b, ns in places.items() for n in ns.split()])
def test_old_paths(old, new, name):
    "A name that moved is found where it was, listed there, and is the same object"
    old, new = (import_module(f'muvae.{m}') for m in (old, new))
    assert getattr(old, name) is getattr(new, name) and name in dir(old) and name not in vars(old)


def test_old_paths_cost_nothing():
    r = python("""
import sys, muvae.cli, muvae.experiments
print([m for m in ('muvae.paper', 'muvae.figures', 'muvae.grid', 'matplotlib') if m in sys.modules])
from muvae.experiments import PAPER_GRID, Config
from muvae.cli import run_all
print(len(PAPER_GRID), run_all.__module__)
try: muvae.experiments.nothing
except AttributeError as e: print(e)
try: from muvae.figures import nothing
except ImportError as e: print(str(e)[:28])
""")
    assert r.stdout.splitlines() == ['[]', '8 muvae.grid', "module 'muvae.experiments' has no attribute 'nothing'",
                                     "cannot import name 'nothing'"], r.stdout + r.stderr
