"The package as people import it: without nbdev, Jupyter or ipywidgets, and light"
import re, subprocess, sys
from pathlib import Path

import pytest

MODULES = ['fetch', 'data', 'losses', 'models', 'metrics', 'plots', 'training', 'experiments', 'figures', 'cli']
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
import muvae.plots, muvae.figures, muvae.cli, muvae.widgets
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


ARROWS = dict(fetch=(), data=('checks', 'fetch'), losses=(), models=('losses',), metrics=(), plots=(),
              training=('losses', 'metrics', 'models'))


@pytest.mark.parametrize('module, may', ARROWS.items())
def test_arrows_run_one_way(module, may):
    source = (Path(__file__).parent.parent/f'muvae/{module}.py').read_text()
    assert set(re.findall(r'^\s*(?:from|import) muvae\.(\w+)', source, re.M) + re.findall(r'^\s*from \.(\w+)', source, re.M)) <= set(may)
