"The runs that come with the package: their weights and codes give the numbers that stand beside them"
from pathlib import Path

import pytest
import torch

import muvae
from muvae.data import load
from muvae.experiments import PAPER_GRID, READING_MODELS, TOY_MODELS, encode_all, load_run
from muvae.losses import kl_divergence, recon_loss
from muvae.metrics import active_units, mmd2

torch.set_num_threads(1)
FOLDER = Path(muvae.__file__).parent/'runs'


def said(run, **now):
    for name, value in now.items(): assert value == pytest.approx(run.results[f'test_{name}'], rel=1e-3, abs=1e-3), (run, name)


@pytest.mark.parametrize('name', PAPER_GRID)
@torch.no_grad()
def test_weights_give_the_committed_codes_and_those_the_numbers(name):
    run, (images, labels) = load_run(FOLDER/name), load(name.split('/')[0], 'test')
    model, codes = run.model(), run.codes()
    mu, logvar = model.encode(images[:500])
    for now, stored in (mu, codes['mu']), (logvar, codes['logvar']): torch.testing.assert_close(now, stored[:500], rtol=1e-3, atol=1e-3)
    if name.endswith('mu3'):  # decoding takes a while
        errors = [recon_loss(model.decode(m), x) for m, x in zip(codes['mu'].split(1000), images.split(1000))]
        said(run, recon_mu=sum(errors).item()/len(errors))
    said(run, kl=kl_divergence(codes['mu'], codes['logvar']).mean().item(), logvar=codes['logvar'].mean().item(),
         mu_norm=codes['mu'].norm(dim=1).mean().item(), active_units=active_units(codes['mu']))
    assert 100*(run.predictions()['mu'] == labels).double().mean().item() == pytest.approx(run.results['test_acc_mu'], abs=.005)
    assert 100*(run.predictions()['z'] == labels).double().mean().item() == pytest.approx(run.results['test_acc_z'], abs=1.)  # other noise


@pytest.mark.parametrize('name', TOY_MODELS)
def test_codes_give_the_committed_numbers(name):
    run = load_run(FOLDER/'mnist'/name)
    codes = run.codes()
    assert all(tuple(c.shape) == (10_000, 2) for c in codes.values())
    said(run, mu_norm=codes['mu'].norm(dim=1).mean().item(), logvar=codes['logvar'].mean().item())


@pytest.mark.parametrize('name', [m for m in READING_MODELS if m in ('mu3', 'mu12', 'mu3-kl', 'ae')])  # of fifteen
@torch.no_grad()
def test_half_weights_give_the_committed_numbers(name):
    run, images = load_run(FOLDER/'readings/fashion_mnist'/name), load('fashion_mnist', 'test')[0][:1000]
    model = run.model()
    mu = encode_all(model, images)[0]
    assert recon_loss(model.decode(mu), images).item() == pytest.approx(run.results['test_recon_mu'], rel=.05)  # of a tenth of the images
    assert mu.norm(dim=1).mean().item() == pytest.approx(run.results['test_mu_norm'], rel=.03)


KEPT = sorted(str(f.parent.relative_to(FOLDER)) for kind in ('codes', 'model') for f in FOLDER.rglob(f'{kind}.safetensors'))
QUICK = [k for k in dict.fromkeys(KEPT) if 'readings' not in k or k.split('/')[2] in ('mu', 'ae')]  # codes of the others take a while


@pytest.mark.parametrize('folder', QUICK)
def test_mmd2_is_of_all_test_codes(folder):
    run = load_run(FOLDER/folder)
    z = run.codes()['z'].double()
    assert len(z) == 10_000
    assert float(mmd2(z)) == pytest.approx(run.results['test_mmd2'], rel=1e-4, abs=1e-6)


def test_size(): assert sum(f.stat().st_size for f in FOLDER.rglob('*') if f.is_file()) < 25e6
