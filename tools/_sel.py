"""Every notebook and every file in tests/, three at a time, then one line: N passed, N failed.

    python tools/test.py [slow] [cuda]     the flags of cells, and the mark of tests, that are skipped otherwise

On Linux what most of them import is imported once, and each file runs in a fork of that process; elsewhere each runs in a process of
its own, one after the other. With MUVAE_TYPECHECK=1 calls are held against the annotations (tools/shapes.py; the notebooks' on Linux).
"""
import atexit, os, re, subprocess, sys, tempfile, time, traceback
from pathlib import Path

import shapes

root = Path(__file__).resolve().parent.parent
LONG = ('test_kill', '20_toy_latent_clipping', '21_images', '12_training', '23_readings', 'test_cli', '19_cli', '13_experiments',
        'test_benchmarks', '16_figures', '22_reproduction', 'test_figures', 'test_data')


def environment():
    "Of every test: this virtual environment's commands, no window, one thread (jobs that each want all cores wait for each other)"
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    os.environ |= dict(PATH=path, MPLBACKEND='agg', OMP_NUM_THREADS='1',
                       PYTHONPATH=os.pathsep.join(filter(None, [str(root), os.environ.get('PYTHONPATH')])))
    os.chdir(root)


def ended(status): return 0 if status == 5 else status  # pytest's word for a file whose tests are all slow


def options(): return ['-q', '-rs', *([] if 'slow' in sys.argv else ['-m', 'not slow'])]


def shell(path):
    "nbdev's shell, but a picture is drawn once and makes no PNG: here nobody looks at it"
    from execnb.shell import CaptureShell
    from matplotlib.figure import Figure
    out = CaptureShell(path)
    shapes.watch(out)
    out.display_formatter.formatters['image/png'].for_type(Figure, lambda fig: fig.canvas.draw() if fig.stale else None)
    return out


def test(file):
    "Test one notebook or one file of tests in this process; the exit status"
    if file.suffix == '.py':
        import pytest
        return ended(int(pytest.main([*options(), str(file)])))
    import nbdev.test
    from nbdev.config import get_config
    os.chdir(root/'nbs')
    nbdev.test.CaptureShell = shell
    nbdev.nbdev_export = lambda: None  # the last cell of a notebook: a test writes no modules while others read them
    return int(not nbdev.test.test_nb(file, get_config().tst_flags.split(), sys.argv[1:], basepath=root)[0])


def start(file, log):
    "Start `file` in a fork, its output into `log`; the number of its process"
    sys.stdout.flush()
    if pid := os.fork(): return pid
    status = 1
    try:
        for n in 1, 2: os.dup2(log.fileno(), n)
        status = test(file)
        atexit._run_exitfuncs()  # pytest removes its old folders there
    except BaseException: traceback.print_exc()
    finally:
        try: sys.stdout.flush(), sys.stderr.flush()
        finally: os._exit(status)


def run(file, log):
    "Run `file` in a process of its own, its output into `log`; the exit status"
    command = [sys.executable, '-m', 'pytest', *options(), file] if file.suffix == '.py' else \
              ['nbdev_test', '--path', file, '--flags', ' '.join(sys.argv[1:])]
    return ended(subprocess.run(command, stdout=log, stderr=subprocess.STDOUT).returncode)


def tell(file, ok, said, seconds):
    "A line for `file`, and all it printed if it failed; how many passed, failed, skipped"
    n = {word: int(k) for k, word in re.findall(r'(\d+) (passed|failed|error|skipped|deselected)', (said.strip().splitlines() or [''])[-1])}
    if file.suffix == '.ipynb': n = {'passed': int(ok)}
    passed, failed, slow = n.get('passed', 0), n.get('failed', 0) + n.get('error', 0), n.get('deselected', 0)
    skipped = n.get('skipped', 0) + slow
    if not ok: failed = max(failed, 1)
    count = f'{passed:3} passed' if file.suffix == '.py' else ' ' * 10
    print(f'{"ok    " if ok else "FAILED"} {file.relative_to(root)!s:27} {count}  {seconds:4.0f} s', flush=True)
    left = re.findall(r'^SKIPPED.*', said, re.M) + [f'SKIPPED [{slow}] marked slow: make test FLAGS=slow'] * (slow > 0)
    if left: print(*left, sep='\n', flush=True)
    if not ok: print(said, flush=True)
    return passed, failed, skipped


def main():
    environment()
    shapes.install()
    if sys.platform == 'linux':  # torch._dynamo: the first optimiser imports it
        import ipywidgets, matplotlib.pyplot, nbdev.test, pytest, sklearn.datasets, torch._dynamo, torchvision  # noqa: F401
        from muvae.machine import keep_large_blocks
        keep_large_blocks()  # a tenth of the time of what trains or encodes
    files = [f for f in [*(root/'tests').glob('test_*.py'), *(root/'nbs').glob('*.ipynb')] if f.stem in os.environ['SEL'].split()]
    waiting = sorted(files, key=lambda f: (LONG.index(f.stem) if f.stem in LONG else len(LONG), f.name), reverse=True)
    running, counts, log = {}, [], lambda: tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace')

    def done(file, out, since, status):
        out.seek(0)
        counts.append(tell(file, status == 0, out.read(), time.perf_counter() - since))
        out.close()

    while sys.platform != 'linux' and waiting:
        file, out, since = waiting.pop(), log(), time.perf_counter()
        done(file, out, since, run(file, out))
    while waiting or running:
        while waiting and len(running) < 3:
            file, out = waiting.pop(), log()
            running[start(file, out)] = file, out, time.perf_counter()
        pid, status = os.wait()
        if pid in running: done(*running.pop(pid), status)
    passed, failed, skipped = map(sum, zip(*counts))
    print(f'\n{passed} passed, {failed} failed' + f', {skipped} skipped' * (skipped > 0))
    sys.exit(failed > 0)


if __name__ == '__main__': main()
