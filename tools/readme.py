"README.md from nbs/index.ipynb: markdown as it stands, code with its output. `--check` only says whether they agree."
import json, re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent


def text(o): return ''.join(o) if isinstance(o, list) else o


def outputs(cell):
    for o in cell['outputs']:
        data = o.get('data', {})
        if 'text/markdown' in data: yield text(data['text/markdown'])
        elif o.get('name') == 'stdout' or 'text/plain' in data:
            yield f"```\n{text(o.get('text') or data['text/plain']).rstrip()}\n```"


def blocks(nb):
    for cell in nb['cells']:
        source = text(cell['source']).strip()
        if re.search(r'^#\|\s*hide\s*$', source, re.M): continue
        if cell['cell_type'] == 'markdown':
            # nbs/ is where the notebook stands, the top is where the README does
            yield re.sub(r'(\]\(|src(?:set)?=")(?!https?:|#)', r'\1nbs/', source)
            continue
        if not re.search(r'^#\|\s*echo:\s*false', source, re.M):
            code = '\n'.join(line for line in source.splitlines() if not line.startswith('#|'))
            yield f'```python\n{code.strip()}\n```'
        yield from outputs(cell)


def readme():
    nb = json.loads((root/'nbs/index.ipynb').read_text())
    return '\n\n'.join(['<!-- made from nbs/index.ipynb by tools/readme.py -->', *blocks(nb)]) + '\n'


if __name__ == '__main__':
    path = root/'README.md'
    if '--check' in sys.argv: sys.exit(path.read_text() != readme() and 'README.md is not what nbs/index.ipynb gives: run make export')
    path.write_text(readme())
