"What continuous integration adds to the tests: the tree holds what the notebooks give, and nothing that hides a failure."
import json, re, subprocess, sys
from pathlib import Path

root, bin = Path(__file__).resolve().parent.parent, Path(sys.executable).parent
problems = []


def state(): return {p: p.read_bytes() for d in ('nbs', 'muvae') for p in sorted((root/d).glob('*')) if p.suffix in ('.ipynb', '.py')}


before = state()
for command in 'nbdev_export', 'nbdev_clean': subprocess.run([bin/command], cwd=root, check=True)
after = state()
problems += [f'{p.relative_to(root)} is not what export and clean give: run make export' for p in sorted({*before, *after}) if before.get(p) != after.get(p)]

r = subprocess.run([sys.executable, root/'tools/readme.py', '--check'], capture_output=True, text=True)
if r.returncode: problems.append(r.stderr.strip())

for p in sorted((root/'nbs').glob('*.ipynb')):
    limit = 4 if p.stem == '07_figures' else 1
    if p.stat().st_size > limit * 2**20: problems.append(f'{p.name} is over {limit} MB')
    nb = json.loads(p.read_text())
    sources = [''.join(c['source']) for c in nb['cells']]
    if any(re.search(r'^(#\|\s*|- )skip_exec', s, re.M) for s in sources): problems.append(f'{p.name} has skip_exec, so its tests would not run')
    widgets = nb['metadata'].get('widgets', {})
    if widgets and not any('state' in v for v in widgets.values()): problems.append(f'{p.name} has widget metadata without state')
    if any(o.get('output_type') == 'error' for c in nb['cells'] for o in c.get('outputs', [])): problems.append(f'{p.name} holds a traceback')

print('\n'.join(problems) or 'export, clean, README and notebooks: nothing to do')
sys.exit(bool(problems))
