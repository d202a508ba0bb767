"""A release as a stranger gets it: sdist and wheel into dist/, the wheel into an empty environment, and there what the README promises

    python tools/dist.py            PyTorch is fetched anew: 2 GB
    DIST_VENV=FOLDER python tools/dist.py      keeps that environment and uses it again
"""
import os, re, shutil, subprocess, sys, tarfile, tempfile, venv, zipfile
from pathlib import Path

root = Path(__file__).resolve().parent.parent
BIN = 'Scripts' if os.name == 'nt' else 'bin'
NEEDED = 'muvae/py.typed', 'muvae/web/', 'muvae/runs/fashion_mnist/mu3/'
CHECK = """
import sys, muvae, muvae.experiments
from pathlib import Path
assert Path(muvae.__file__).is_relative_to(sys.prefix), muvae.__file__
assert muvae.__version__ == {version!r}, muvae.__version__
muvae.experiments.load_run('fashion_mnist/mu3').model()
from muvae.data import load
images, labels = (o[:256] for o in load('digits'))
"""


def say(*words): print('==', *words, flush=True)


def sh(*cmd, **kw):
    "Run a command without this checkout on Python's path"
    env = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'VIRTUAL_ENV')}
    subprocess.run([*map(str, cmd)], check=True, env=env, **kw)


def build(out):
    "sdist and wheel, and what has to be in them"
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(root/'build', ignore_errors=True)  # setuptools packs what an older build left there
    try: sh(sys.executable, '-m', 'build', '--outdir', out, root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except subprocess.CalledProcessError as e: sys.exit(e.stdout[-4000:])
    [wheel], [sdist] = out.glob('*.whl'), out.glob('*.tar.gz')
    with tarfile.open(sdist) as t: inside = {p.partition('/')[2] for p in t.getnames()}
    for names in (zipfile.ZipFile(wheel).namelist(), inside):
        for need in NEEDED: assert any(n.startswith(need) for n in names), f'{need} is missing'
    say(*(f'{p.name}, {p.stat().st_size/1e6:.1f} MB;' for p in (wheel, sdist)))
    return wheel


def install(wheel, env):
    "`wheel` and the tested versions of what it asks for, into `env`"
    python = env/BIN/'python'
    if not python.exists(): venv.create(env, with_pip=True)
    sh(python, '-m', 'pip', 'install', '--quiet', '--constraint', root/'constraints.txt', wheel)
    sh(python, '-m', 'pip', 'install', '--quiet', '--force-reinstall', '--no-deps', wheel)  # of this version another may be there
    sh(python, '-m', 'pip', 'check')
    return python


def promises(readme): return '\n'.join(re.findall(r'^```python\n(.*?)^```', readme, re.M | re.S))


def main():
    wheel = build(root/'dist')
    with tempfile.TemporaryDirectory() as away:
        python = install(wheel, Path(os.environ.get('DIST_VENV') or f'{away}/venv').absolute())
        say('the README, line by line')
        code = CHECK.format(version=wheel.name.split('-')[1]) + promises((root/'README.md').read_text(encoding='utf-8'))
        sh(python, '-c', code, cwd=away)
        say('muvae_run')
        sh(python.parent/'muvae_run', '--dataset', 'digits', '--epochs', '1', '--out', 'run', cwd=away)
        assert (Path(away)/'run/results.json').exists()
    say(f'{wheel.name} installs and does what the README says')


if __name__ == '__main__': main()
