"What continuous integration adds to the tests: the tree holds what the notebooks give, and nothing that hides a failure."
import json, re, subprocess, sys
from pathlib import Path

root, bin = Path(__file__).resolve().parent.parent, Path(sys.executable).parent
problems = []


def mixed(nb):
    "How many cells import and do something else as well"
    lines = [[s for s in ''.join(c['source']).splitlines() if s.strip() and s[0] != '#'] for c in nb['cells'] if c['cell_type'] == 'code']
    return sum(any(re.match(r'import |from ', s) for s in cell) and not all(re.match(r'import |from |[ )]', s) for s in cell)
               for cell in lines if not any(re.match(r'def |class |@', s) for s in cell))


def state(): return {p: p.read_bytes() for d in ('nbs', 'muvae') for p in sorted((root/d).glob('*')) if p.suffix in ('.ipynb', '.py')}


before = state()
for command in 'nbdev_export', 'nbdev_clean': subprocess.run([bin/command], cwd=root, check=True)
after = state()
changed = [p.relative_to(root) for p in sorted({*before, *after}) if before.get(p) != after.get(p)]
problems += [f'{p} is not what export and clean give: run make export' for p in changed]

r = subprocess.run([sys.executable, root/'tools/readme.py', '--check'], capture_output=True, text=True)
if r.returncode: problems.append(r.stderr.strip())

for p in sorted((root/'nbs').glob('*.ipynb')):
    limit = 4 if p.stem == '16_figures' else 1
    if p.stat().st_size > limit * 2**20: problems.append(f'{p.name} is over {limit} MB')
    nb = json.loads(p.read_text())
    sources = [''.join(c['source']) for c in nb['cells']]
    if any(re.search(r'^\W*skip_exec\s*:', s, re.M) for s in sources): problems.append(f'{p.name} has skip_exec: its tests would not run')
    widgets = nb['metadata'].get('widgets', {})
    if widgets and not any('state' in v for v in widgets.values()): problems.append(f'{p.name} has widget metadata without state')
    if mixed(nb): problems.append(f'{p.name}: {mixed(nb)} cells mix imports with other code, which a docs build would run')
    outputs = [o for c in nb['cells'] for o in c.get('outputs', [])]
    if any(o['output_type'] == 'error' for o in outputs): problems.append(f'{p.name} holds a traceback')
    if any(o.get('name') == 'stderr' for o in outputs): problems.append(f'{p.name} holds a warning')
    printed = ''.join(''.join(o.get('text') or o.get('data', {}).get('text/plain', '')) for o in outputs)
    for place in re.findall(r'/home/\S*|/root/\S*|/tmp/\S*|\S*site-packages\S*', printed): problems.append(f'{p.name} shows {place}')

print('\n'.join(problems) or 'export, clean, README and notebooks: nothing to do')
sys.exit(bool(problems))
