"kill -9 in the middle of a run; the same command again gives what an unbroken run gives, bit for bit"
import csv, json, os, re, signal, subprocess, time

import pytest
from conftest import BIN

CONV = ['--dataset', 'digits', '--epochs', '3', '--device', 'cpu']
TOY = ['--dataset', 'digits', '--model', 'toy', '--latent', '10', '--epochs', '15', '--device', 'cpu']


def rows(folder):
    with open(folder/'metrics.csv', newline='') as f: return [{k: v for k, v in r.items() if k != 'seconds'} for r in csv.DictReader(f)]


def results(folder): return {k: v for k, v in json.loads((folder/'results.json').read_text()).items() if k not in ('seconds', 'finished')}


def start_and_kill(command, seen, after, cwd):
    "Start `command`, wait until the file `seen` is there and `after` seconds more, and kill the whole process group"
    p = subprocess.Popen([BIN/command[0], *map(str, command[1:])], cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.time() + 120
    while not seen.exists() and p.poll() is None and time.time() < end: time.sleep(.005)
    time.sleep(after)
    running = p.poll() is None
    os.killpg(p.pid, signal.SIGKILL)
    p.wait()
    return running


@pytest.mark.parametrize('args, moments', [(CONV, (0., .4)), (TOY, (0., .02, .05, .1))], ids=['conv', 'toy'])
def test_killed_run_goes_on_bit_for_bit(sh, tmp_path, args, moments):
    whole, cut = tmp_path/'whole', tmp_path/'cut'
    assert sh('muvae_run', *args, '--out', whole).returncode == 0
    killed = 0
    for i, after in enumerate(moments):  # once at the first config, then at later moments after a checkpoint
        killed += start_and_kill(['muvae_run', *args, '--out', cut], cut/('checkpoint.safetensors' if i else 'config.json'), after, tmp_path)
    assert killed, 'the run ended before it could be killed'
    again = sh('muvae_run', *args, '--out', cut)
    assert again.returncode == 0, again.stderr
    assert sorted(p.name for p in cut.iterdir()) == sorted(p.name for p in whole.iterdir())
    for name in 'model.safetensors', 'classifier.safetensors', 'checkpoint.safetensors', 'config.json':
        assert (cut/name).read_bytes() == (whole/name).read_bytes(), name
    assert rows(cut) == rows(whole) and results(cut) == results(whole)


def test_killed_parent_takes_its_workers_along(sh, tmp_path):
    out = tmp_path/'runs'
    args = ['muvae_paper', '--dataset', 'digits', '--epochs', '400', '--model', 'vae,mu3', '--jobs', '2', '--device', 'cpu', '--out', out]
    p = subprocess.Popen([BIN/args[0], *map(str, args[1:])], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for line in p.stdout:
        if re.search(r'epoch +1/400', line): break
    p.kill()
    p.wait()
    time.sleep(2)
    files = {f: f.stat().st_mtime_ns for f in out.rglob('metrics.csv')}
    time.sleep(3)
    assert files and files == {f: f.stat().st_mtime_ns for f in out.rglob('metrics.csv')}, 'a worker outlives its parent'
