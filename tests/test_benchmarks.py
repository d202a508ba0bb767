"The stacked models against the same models one by one; the benchmark's commands on a few images; start-up"
import json, subprocess, sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root/'benchmarks'))

from muvae.batches import Batch
from muvae.data import load
from muvae.experiments import Config, make_model, make_objective
from muvae.machine import seed_all
from muvae.models import LatentClassifier
from muvae.paper import PAPER_MODELS
from muvae.training import Turn, classify, model_step, turn_step
from stacked import Stack

CONFIGS = [Config('digits', **PAPER_MODELS[m], seed=s) for m, s in (('vae', 0), ('beta', 1), ('mu3', 0), ('mu6', 2))]
CONFIGS[2] = replace(CONFIGS[2], clip=.05)  # a bound that the codes of an untrained model reach
OTHERS = [Config('digits', objective='mu', logvar='expm1'), Config('digits', objective='mu', mean='per_dim', seed=1),
          Config('digits', objective='free', knobs='floor=0.5'), Config('digits', objective='mmd'),
          Config('digits', objective='vae', clip=.05)]
DATA = {'digits': tuple(o[:48] for o in load('digits'))}


def stack(configs=CONFIGS, **kw): return Stack(configs, DATA, batch=16, **kw)


def gap(a, b): return max((a[k] - b[k]).abs().max().item() for k in a)


@pytest.mark.parametrize('way, configs', [('vmap', CONFIGS), ('streams', CONFIGS), ('vmap', OTHERS)], ids=['vmap', 'streams', 'others'])
def test_stack_is_the_models_one_by_one(way, configs, monkeypatch):
    "Losses and weights after an epoch are those of model_step and turn_step; Adam moves a weight by 1e-4 a step"
    import muvae.models
    s = stack(configs, way=way)
    told = s.epoch()
    for i, c in enumerate(configs):
        model, objective, losses = make_model(c), make_objective(c), []
        with torch.random.fork_rng([]):
            seed_all(c.seed, 'classifier')
            classifier = LatentClassifier()
        turn = Turn(classifier, partial(classify, net=classifier))
        opts = [torch.optim.Adam(m.parameters(), 1e-4, fused=True) for m in (model, classifier)]
        for idx, eps in zip(s.order[i], s.eps[i]):
            monkeypatch.setattr(muvae.models, 'reparameterize', lambda mu, logvar, eps=eps: mu + eps * torch.exp(logvar / 2))
            batch = Batch(*(o[idx] for o in DATA['digits']))
            out, terms, total = model_step(model, objective, opts[0], batch)
            told_i = terms['recon'], total, turn_step(turn, opts[1], out, batch)['classifier']
            losses.append([o.item() for o in told_i])
        recon, total, nll = torch.tensor(losses).mean(0)
        for k, v in dict(recon=recon, loss=total, classifier=nll).items(): torch.testing.assert_close(told[k][i], v, rtol=1e-5, atol=1e-5)
        mine, clf = s.unstacked(i)
        for a, b in ((mine, model), (clf, classifier)):
            a, b = (torch.cat([p.detach().flatten() for p in m.parameters()]) for m in (a, b))
            assert (a - b).abs().mean() < 1e-7 and (a - b).abs().max() < 3e-4


def test_stack_does_not_change_its_members():
    "A model in a stack of four is the model in a stack of its own"
    four, one = stack(), stack(CONFIGS[3:])
    four.epoch(), one.epoch()
    assert gap(four.unstacked(3)[0].state_dict(), one.unstacked(0)[0].state_dict()) < 3e-4
    torch.testing.assert_close(four.total[:, 3], one.total[:, 0], rtol=1e-5, atol=1e-5)


def test_stack_freeze_and_resume():
    "No classifier reaches a VAE, bit for bit; a stack that goes on from its state is the one that did not stop"
    s, without = stack(CONFIGS[:2]), stack(CONFIGS[:2], classifier=False)
    s.epoch(), without.epoch()
    assert gap(s.unstacked(1)[0].state_dict(), without.unstacked(1)[0].state_dict()) == 0
    state = s.state()
    s.epoch()
    again = stack(CONFIGS[:2])
    again.load(state)
    again.epoch()
    assert gap(s.state(), again.state()) == 0


def test_stack_refuses_what_it_cannot():
    for c in (Config('digits', model='toy', latent=10), Config('digits', objective='ae')):
        with pytest.raises(ValueError, match='a stack holds conv models with noise'): stack([c])
    with pytest.raises(ValueError, match='beta of digits/anneal changes with the step'): stack([Config('digits', objective='anneal')])


def test_bfloat16_stack_learns():
    a, b = (stack(CONFIGS[:2], precision=p).epoch()['loss'] for p in ('float32', 'bfloat16'))
    torch.testing.assert_close(a, b, rtol=.01, atol=0)


@pytest.mark.slow
def test_gpu_command_on_a_cpu(tmp_path):
    "benchmarks/gpu.py --check goes through every part, and none of them fails"
    command = [sys.executable, root/'benchmarks/gpu.py', '--check', '--out', tmp_path]
    r = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert r.returncode == 0, r.stdout + r.stderr
    told = json.loads((tmp_path/'gpu.json').read_text())
    assert told['check']['passed'] and not told['errors'] and told['grid']['models'] == 8
    assert (tmp_path/'grid.csv').read_text().count('\n') == 9 and (tmp_path/'weights_seed0.safetensors').exists()


def test_ratios_and_learning():
    "The opponent's better setting counts for the DataLoader loop; contenders that learn otherwise are found out"
    from compare import WITH_CLASSIFIER, check_learning, ratios
    names = {'pythae': 8., 'pythae-fused': 6., 'muvae': 4., 'muvae-auto': 2.}
    names |= {'loader-0': 9., 'loader-2': 10., 'muvae+clf': 6., 'muvae-auto+clf': 3.}
    c = {k: dict(median_seconds=v, first_loss=100., test_loss=30.) for k, v in names.items()}
    r = ratios(c)
    assert (r['vae_fp32_vs_pythae'], r['vae_best_vs_pythae'], r['alternating_best_vs_dataloader']) == (2, 4, 3)
    assert r['vae_best_vs_pythae_fused'] == 3 and set(WITH_CLASSIFIER) <= set(names) and '+0.0 %' in check_learning(c)
    with pytest.raises(SystemExit, match='do not learn the same'): check_learning(c | dict(muvae=c['muvae'] | dict(test_loss=25.)))
    with pytest.raises(SystemExit, match='same weights'): check_learning(c | dict(muvae=c['muvae'] | dict(first_loss=99.)))


def test_scaling_rows():
    from scaling import fake_data, flop_per_image, measure, picture, table
    rows = measure([dict(models=n, batch=4, latent=2) for n in (1, 2)], fake_data(8), rounds=1, images=4, say=lambda _: None)
    result = dict(sweeps=dict(models=rows, batch=rows[:1], latent=rows[:1]))
    assert len(list(table(result))) == 5 and len(picture(result).axes) == 3
    assert [r['models'] for r in rows] == [1, 2] and all(r['ms_per_1000'] > 0 for r in rows)
    assert 5e7 < flop_per_image(batch=2) < 2e8


def test_rounds():
    "The ratio is taken within a round, so a slow one does not move it; the share is the product's time for as much arithmetic"
    from paired import OURS, gather, race
    times = {OURS: [1., 5., 2.], 'pythae': [2., 10., 4.], 'product float32': [.25, 1.25, .5]}
    rows = gather(times, flop=2 * 2 * 1024**3)
    assert rows['pythae']['ratio'] == dict(median=2, q1=2, q3=2) and rows['pythae']['ms']['median'] == 4000
    assert rows[OURS]['share'] == dict(median=.5, q1=.5, q3=.5)
    seen = []
    took = race({k: (None, partial(seen.append, k)) for k in 'ab'}, rounds=2, n=10, say=lambda *a, **kw: None)
    assert seen == [*'baabba'] and all(len(t) == 2 for clock in took.values() for t in clock.values())


def test_paired_contenders():
    "Ours and the DataLoader loop take as many steps as they are told, over the end of an epoch, and come to one loss"
    from compare import fresh_model
    from paired import loader, ours
    x, y = (o[:160] for o in load('digits'))  # two batches an epoch
    models = []
    for make in (partial(ours, 'float32', 'channels_last', x), partial(loader, x, y)):
        model, take = make(n=3)
        take(), take()
        models.append(model)
    moved = [(m.mu.weight - fresh_model().mu.weight).abs().max().item() for m in models]
    assert all(3e-4 < o < 6.1e-4 for o in moved)  # Adam, 1e-4 a step, six steps
