"muvae_figures as a person meets it, on small runs in the place of the paper's"
import shutil

import pytest
from muvae.experiments import Config, load_run, run
from muvae.figures import run_tsne
from muvae.paper import PAPER_MODELS


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    "The four models after an epoch on the digits, where the runs on Fashion-MNIST would lie"
    root = tmp_path_factory.mktemp('runs')
    for m, kw in PAPER_MODELS.items():
        run(Config('digits', model='toy', latent=10, epochs=1, device='cpu', **kw), root/'fashion_mnist'/m/'seed0', progress=False)
    return root


def test_missing_runs_are_said(sh, small, tmp_path):
    "What can be drawn is drawn; each figure that cannot has one line, and the status tells"
    r = sh('muvae_figures', '--runs', small, '--figure', '2,4,5,6,7,8', '--dpi', '50', '--out', 'out')
    assert r.returncode == 1 and 'Traceback' not in r.stderr, r.stderr
    lines = [f'Figure 8 is left out: there is no run mnist/vae in {small}', 'muvae_figures: 1 of 6 figures left out']
    assert r.stderr.strip().splitlines() == lines
    assert sorted(p.name for p in (tmp_path/'out').iterdir()) == [f'figure_{n:02}.png' for n in (2, 4, 5, 6, 7)]
    assert r.stdout.count('digits/toy-vae-d10') == 5 and 'seed 0, epochs 1' in r.stdout


@pytest.mark.slow
def test_tsne_is_kept(sh, small, tmp_path):
    "Where none is kept it is computed, the second time taken from the runs; with other weights it is computed again"
    root, one = tmp_path/'runs', tmp_path/'one'
    shutil.copytree(small/'fashion_mnist/vae', one)
    run_tsne(load_run(one))
    for data in 'fashion_mnist', 'mnist':
        for m in PAPER_MODELS: shutil.copytree(one, root/data/m)
    (root/'mnist/beta/seed0/tsne.safetensors').unlink()
    def draw(): return sh('muvae_figures', '--runs', root, '--figure', '3', '--format', 'pdf', '--out', 'out')
    first, second = draw(), draw()
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout.count('is computed') == 1 and 'kept with the runs' not in first.stdout
    assert second.stdout.count('is computed') == 0 and 'kept with the runs' in second.stdout
    weights = root/'mnist/mu3/seed0/model.safetensors'
    weights.write_bytes((small/'fashion_mnist/mu3/seed0/model.safetensors').read_bytes())
    third = draw()
    assert third.returncode == 0 and third.stdout.count('is computed') == 1
    assert (tmp_path/'out/figure_03.pdf').read_bytes().startswith(b'%PDF')


@pytest.mark.parametrize('args, word', [
    (['--figure', '12'], 'figure'),
    (['--figure', 'all,2'], 'figure'),
    (['--format', 'gif'], 'png, pdf, svg'),
    (['--dpi', '0'], 'dpi'),
    (['--runs', 'nowhere'], 'nowhere'),
])
def test_bad_options(sh, tmp_path, args, word):
    r = sh('muvae_figures', *args)
    assert r.returncode == 2 and r.stdout == '' and len(r.stderr.strip().splitlines()) == 1 and word in r.stderr, r.stderr
    assert not list(tmp_path.iterdir())
