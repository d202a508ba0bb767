"""Every notebook, then every file in tests/, then one line: N passed, N failed.

    python tools/test.py [slow] [cuda]     the flags of cells that are skipped otherwise
"""
import os, re, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
env = dict(os.environ, PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}', MPLBACKEND='agg')


def notebook(path):
    "Execute one notebook with nbdev_test in a process of its own"
    start = time.perf_counter()
    r = subprocess.run(['nbdev_test', '--path', str(path), '--flags', ' '.join(sys.argv[1:])], cwd=root, env=env, capture_output=True, text=True)
    ok = r.returncode == 0
    print(f'{"passed" if ok else "FAILED"}  {path.name}  {time.perf_counter()-start:.0f} s', flush=True)
    if not ok: print(r.stdout + r.stderr, flush=True)
    return ok


with ThreadPoolExecutor(2) as pool: results = list(pool.map(notebook, sorted((root/'nbs').glob('*.ipynb'))))
passed, failed, skipped = sum(results), len(results) - sum(results), 0

p = subprocess.Popen([sys.executable, '-m', 'pytest', '-q', '-rs', 'tests'], cwd=root, env=env, stdout=subprocess.PIPE, text=True)
for line in p.stdout:
    print(line, end='', flush=True)
    last = line
count = {word: int(n) for n, word in re.findall(r'(\d+) (passed|failed|error|skipped)', last)}
if p.wait() and not count.get('failed'): failed += 1
passed, failed = passed + count.get('passed', 0), failed + count.get('failed', 0) + count.get('error', 0)
skipped = f", {count['skipped']} skipped" if count.get('skipped') else ''
print(f'\n{passed} passed, {failed} failed{skipped}')
sys.exit(failed > 0)
