"""Every notebook and every file in tests/, two at a time, then one line: N passed, N failed.

    python tools/test.py [slow] [cuda]     the flags of cells that are skipped otherwise
"""
import os, re, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
env = dict(os.environ, PATH=path, MPLBACKEND='agg', OMP_NUM_THREADS='1')  # two jobs that each want all cores would wait for each other


def run(file):
    "Test one notebook or one file of tests in a process of its own; returns how many passed, failed, skipped"
    if file.suffix == '.ipynb': command = ['nbdev_test', '--path', str(file), '--flags', ' '.join(sys.argv[1:])]
    else: command = [sys.executable, '-m', 'pytest', '-q', '-rs', str(file)]
    start = time.perf_counter()
    r = subprocess.run(command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    ok, last = r.returncode == 0, (r.stdout.strip().splitlines() or [''])[-1]
    n = {word: int(k) for k, word in re.findall(r'(\d+) (passed|failed|error|skipped)', last)}
    if file.suffix == '.ipynb': n = {'passed': int(ok)}
    passed, failed, skipped = n.get('passed', 0), n.get('failed', 0) + n.get('error', 0), n.get('skipped', 0)
    if not ok: failed = max(failed, 1)
    count = f'{passed:3} passed' if file.suffix == '.py' else ' ' * 10
    print(f'{"ok    " if ok else "FAILED"} {file.relative_to(root)!s:27} {count}  {time.perf_counter()-start:4.0f} s', flush=True)
    if skipped: print(*re.findall(r'^SKIPPED.*', r.stdout, re.M), sep='\n', flush=True)
    if not ok: print(r.stdout, flush=True)
    return passed, failed, skipped


files = [*(root/'tests').glob('test_*.py'), *(root/'nbs').glob('*.ipynb')]
LONG = 'test_kill', 'test_cli', 'test_figures', 'test_runs', '09_cli', '07_figures', '10_toy_latent_clipping', '13_readings'
slow_first = sorted(files, key=lambda f: (LONG.index(f.stem) if f.stem in LONG else len(LONG), f.name))
with ThreadPoolExecutor(2) as pool: passed, failed, skipped = map(sum, zip(*pool.map(run, slow_first)))
print(f'\n{passed} passed, {failed} failed' + f', {skipped} skipped' * (skipped > 0))
sys.exit(failed > 0)
