"kill -9 in the middle of a run; the same command again gives what an unbroken run gives, bit for bit"
import csv, json, os, re, signal, subprocess, sys, time
from contextlib import suppress

import pytest
from conftest import BIN, Forked
from muvae.storage import read_checkpoint

TOY = ['--dataset', 'digits', '--device', 'cpu', '--model', 'toy', '--latent', '10', '--batch', '256', '--epochs', '3']
FILES = 'model.safetensors', 'classifier.safetensors', 'predictions.safetensors', 'config.json'
CHECKPOINTS = 'checkpoint.safetensors', 'checkpoint.previous.safetensors'  # with times in them


def rows(folder):
    try:
        with open(folder/'metrics.csv', newline='') as f: return [{k: v for k, v in r.items() if k != 'seconds'} for r in csv.DictReader(f)]
    except FileNotFoundError: return []


def results(folder): return {k: v for k, v in json.loads((folder/'results.json').read_text()).items() if k not in ('seconds', 'finished')}


def start(command, cwd):
    if sys.platform == 'linux': return Forked(command, cwd)
    return subprocess.Popen([BIN/command[0], *map(str, command[1:])], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(command, cwd, ready, after=0.):
    "Start `command`, wait until it is `ready` and `after` seconds more, kill it"
    p, end = start(command, cwd), time.time() + 120
    try:
        while not ready() and p.poll() is None and time.time() < end: time.sleep(.002)
        time.sleep(after)
        assert p.poll() is None, 'the run ended before it could be killed'
        assert ready(), 'it was not ready within two minutes'
    finally:
        if p.poll() is None: p.kill()
    assert p.wait() == -signal.SIGKILL


def kill_at(command, cwd, folder, epoch, after=0.):
    "Kill `command` when `epoch` epochs are written and `after` seconds more; returns the epochs written by then"
    kill_when(command, cwd, lambda: len(rows(folder)) >= epoch, after)
    return len(rows(folder))


def told(path):
    "All that a checkpoint holds but the times"
    about, tensors = read_checkpoint(path)
    rows = [{k: v for k, v in r.items() if k != 'seconds'} for r in about.pop('rows')]
    return about, rows, {k: v.numpy().tobytes() for k, v in tensors.items()}


def assert_same(a, b):
    assert sorted(p.name for p in a.iterdir()) == sorted(p.name for p in b.iterdir())
    for name in CHECKPOINTS:
        if (a/name).exists(): assert told(a/name) == told(b/name), name  # there is none before the first
    for name in FILES: assert (a/name).read_bytes() == (b/name).read_bytes(), name
    assert rows(a) == rows(b) and results(a) == results(b)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    "The folder of TOY, never killed"
    out = tmp_path_factory.mktemp('whole')/'whole'
    assert start(['muvae_run', *TOY, '--out', out], out.parent).wait() == 0
    return out


def test_killed_run_goes_on_bit_for_bit(sh, tmp_path, whole):
    cut = tmp_path/'cut'
    for epoch, after in (1, .05), (2, 0.):
        assert epoch <= kill_at(['muvae_run', *TOY, '--out', cut], tmp_path, cut, epoch, after) < 3
        assert not (cut/'results.json').exists()
    again = sh('muvae_run', *TOY, '--out', cut, fresh=True)
    assert again.returncode == 0, again.stderr
    assert_same(cut, whole)


CONV = f"""#!{sys.executable}
import sys
import torch
from muvae.data import load
from muvae.models import ConvVAE
from muvae.training import train

x, y = load('digits')
torch.manual_seed(0)
model = ConvVAE(clip=3).to(memory_format=torch.channels_last)  # as muvae_run does; in the other layout the bits are others
train(model, x[:128], y[:128], epochs=3, folder=sys.argv[1], device='cpu', progress=False)
"""


def test_killed_conv_training_goes_on_bit_for_bit(sh, tmp_path):
    script, cut, whole = tmp_path/'conv.py', tmp_path/'cut', tmp_path/'whole'
    script.write_text(CONV)
    script.chmod(0o755)
    assert sh(script, whole).returncode == 0
    assert 1 <= kill_at([script, cut], tmp_path, cut, 1, .1) < 3
    again = sh(script, cut)
    assert again.returncode == 0, again.stderr
    assert told(cut/'checkpoint.safetensors') == told(whole/'checkpoint.safetensors') and rows(cut) == rows(whole)


@pytest.mark.slow
def test_killed_fast_run(sh, tmp_path, whole):
    "With --precision auto: what was chosen at the start is kept, and choosing it by name gives the same bits"
    cut = tmp_path/'cut'
    assert 1 <= kill_at(['muvae_run', *TOY, '--precision', 'auto', '--out', cut], tmp_path, cut, 1) < 3
    chosen = json.loads((cut/'config.json').read_text())['config']['precision']
    again = sh('muvae_run', *TOY, '--precision', 'auto', '--out', cut)
    assert again.returncode == 0, again.stderr
    if chosen != 'float32':
        whole = tmp_path/'whole'
        assert sh('muvae_run', *TOY, '--precision', chosen, '--out', whole).returncode == 0
    for name in FILES[:-1]: assert (cut/name).read_bytes() == (whole/name).read_bytes(), name
    assert rows(cut) == rows(whole) and results(cut) == results(whole)


def test_killed_before_the_first_checkpoint(sh, tmp_path):
    cut, whole, args = tmp_path/'cut', tmp_path/'whole', [*TOY[:-1], '1']
    kill_when(['muvae_run', *args, '--out', cut], tmp_path, (cut/'config.json').exists)
    assert not (cut/'results.json').exists() and not (cut/'checkpoint.safetensors').exists()
    for out in cut, whole: assert sh('muvae_run', *args, '--out', out).returncode == 0
    assert_same(cut, whole)


@pytest.mark.slow
def test_killed_while_made_longer(sh, tmp_path, whole):
    "A run of one epoch, made longer, killed on the way: it is not passed off as finished, and ends as if nothing had been"
    cut = tmp_path/'cut'
    assert sh('muvae_run', *TOY[:-1], '1', '--out', cut).returncode == 0
    assert kill_at(['muvae_run', *TOY, '--out', cut], tmp_path, cut, 2) == 2
    from muvae.experiments import load_run
    with pytest.raises(ValueError, match='not finished'): load_run(cut)
    assert sh('muvae_run', *TOY, '--out', cut).returncode == 0
    assert_same(cut, whole)


PAPER = ['muvae_paper', '--dataset', 'digits', '--epochs', '400', '--model', 'toy-vae,toy-vae-clip3,toy-mu3', '--device', 'cpu']


def start_paper(out, cwd, jobs=2):
    "Start a long grid and wait for its first epoch"
    command, end = [*PAPER, '--jobs', jobs, '--out', out], time.time() + 120
    if sys.platform == 'linux': p = Forked(command, cwd, cwd/'said', cwd/'err')
    else: p = subprocess.Popen([BIN/command[0], *map(str, command[1:])], cwd=cwd, stdout=open(cwd/'said', 'w'), stderr=open(cwd/'err', 'w'))
    while not ((cwd/'said').exists() and re.search(r'epoch +1/400', (cwd/'said').read_text(encoding='utf-8'))):
        time.sleep(.05)
        if p.poll() is None and time.time() < end: continue
        if p.poll() is None: p.kill()
        pytest.fail('no first epoch: ' + (cwd/'err').read_text(encoding='utf-8'))
    return p


def assert_still(out):
    files = {f: f.stat().st_mtime_ns for f in out.rglob('metrics.csv')}
    time.sleep(3)
    assert files and files == {f: f.stat().st_mtime_ns for f in out.rglob('metrics.csv')}, 'a worker goes on'


def test_killed_parent_takes_its_worker_along(tmp_path):
    p = start_paper(tmp_path/'runs', tmp_path, jobs=1)
    os.kill(p.pid, signal.SIGKILL)  # the parent alone
    p.wait()
    time.sleep(2)
    try: assert_still(tmp_path/'runs')
    finally:
        if sys.platform == 'linux':
            with suppress(ProcessLookupError): p.kill()


def test_interrupt_stops_everything(tmp_path):
    p = start_paper(tmp_path/'runs', tmp_path)
    os.kill(p.pid, signal.SIGINT)  # the parent alone; from a terminal the workers hear it too
    code, err = p.wait(timeout=30), (tmp_path/'err').read_text(encoding='utf-8')
    assert code == 130 and 'the same command goes on' in err and 'Traceback' not in err, err
    assert_still(tmp_path/'runs')
