"The command line as a person meets it: errors of one line, nothing lost, nothing written where it should not be"
import sys
from types import SimpleNamespace

import pytest
from fastcore.script import anno_parser
from muvae.cli import muvae_run

parser = anno_parser(muvae_run)
parser._actions = [a for a in parser._actions if a.dest not in ('pdb', 'xtra')]
SMALL = ['--dataset', 'digits', '--model', 'toy', '--latent', '4', '--epochs', '1', '--device', 'cpu']


def one_line(r, *words, status=2):
    assert r.returncode == status, r.stdout + r.stderr
    lines = r.stderr.strip().splitlines()
    assert len(lines) == 1 and 'Traceback' not in r.stderr, r.stderr
    for w in words: assert w in lines[0], lines[0]


@pytest.mark.parametrize('args, words', [
    (['--dataset', 'cifar'], ['dataset', 'fashion_mnist']),
    (['--objective', 'elbo'], ['objective', 'vae, beta, mu, ae']),
    (['--model', 'resnet'], ['model', 'conv, toy']),
    (['--clip', '-3'], ['`clip`', '-3']),
    (['--clip', 'nan'], ['`clip`', 'nan']),
    (['--clip', 'much'], ['clip', 'much']),
    (['--beta', 'nan'], ['beta', 'nan']),
    (['--logvar', 'log'], ['logvar', 'abs']),
    (['--mean', 'l2'], ['mean', 'per_dim']),
    (['--epochs', '0'], ['epochs', '0']),
    (['--batch', '-1'], ['batch', '-1']),
    (['--latent', '0'], ['latent', '0']),
    (['--seed', '-1'], ['seed', '-1']),
    (['--precision', 'float16'], ['precision', 'bfloat16']),
    (['--device', 'abacus'], ['device', 'abacus']),
])
def test_bad_settings(tmp_path, monkeypatch, capsys, args, words):
    "Parsed and run in this process: the real command takes seconds to start, and the tests below start it often enough"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as e: muvae_run(**vars(parser.parse_args(args)))
    one_line(SimpleNamespace(returncode=e.value.code, stdout='', stderr=capsys.readouterr().err), *words)
    assert not list(tmp_path.iterdir())


def test_bad_setting_from_outside(sh, tmp_path):
    one_line(sh('muvae_run', '--clip', '-3', fresh=True), 'muvae_run: `clip` should be', '-3')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('command, args, words', [
    ('muvae_run', ['--epochs', 'twenty'], ['--epochs', 'twenty', '--help']),
    ('muvae_run', ['--colour', 'red'], ['--colour']),
    ('muvae_paper', ['--jobs', '-1'], ['jobs', '-1']),
    ('muvae_paper', ['--model', 'vae,gan'], ['model', 'gan']),
    ('muvae_paper', ['--dataset', 'digits,cifar', '--epochs', '1'], ['cifar']),
    ('muvae_paper', ['--seeds'], ['--seeds']),
    ('muvae_figures', ['--dpi', 'x'], ['--dpi', 'x']),
])
def test_bad_flags(sh, tmp_path, command, args, words):
    "What argparse refuses is one line too"
    one_line(sh(command, *args), f'{command}: ', *words)
    assert not list(tmp_path.iterdir())


def test_training_that_fails(sh, monkeypatch):
    "Nothing that the user mistyped: status 1"
    import muvae.experiments
    from muvae.training import NonFiniteLoss
    def run(*args, **kwargs): raise NonFiniteLoss('the reconstruction error became nan')
    monkeypatch.setattr(muvae.experiments, 'run', run)
    if sys.platform == 'linux': one_line(sh('muvae_run', *SMALL), 'became nan', status=1)  # the command is a fork of this process
    with pytest.raises(SystemExit) as e: muvae_run(**vars(parser.parse_args(SMALL)))
    assert e.value.code == 1


def test_bug_keeps_its_traceback(monkeypatch):
    import muvae.experiments
    def run(*args, **kwargs): raise KeyError('a bug')
    monkeypatch.setattr(muvae.experiments, 'run', run)
    with pytest.raises(KeyError, match='a bug'): muvae_run(**vars(parser.parse_args(SMALL)))


@pytest.mark.parametrize('encoding', ['ascii', 'cp1252'])
def test_any_terminal(sh, encoding):
    "Help and a run where μ cannot be written, and a grid's own processes too"
    def said(*args):
        r = sh(*args, PYTHONIOENCODING=encoding)
        assert r.returncode == 0 and 'Error' not in r.stderr, r.stderr
        return r.stdout
    assert '?-VAE' in said('muvae_run', '--help')
    if encoding == 'ascii':
        assert 'mean ???' in said('muvae_run', *SMALL)
        grid = said('muvae_paper', '--dataset', 'digits', '--model', 'toy-mu3', '--epochs', '1', '--device', 'cpu')
        assert 'acc ?' in grid and '?-VAE' in grid and 'with pictures' in grid


def test_called_from_python(monkeypatch):
    "A command reads the command line only where the script of its name starts it"
    from muvae.cli import command
    said = []
    @command
    def hello(name:str='you'): said.append(name)  # to whom
    monkeypatch.setattr('sys.argv', ['pytest', '--name', 'x'])
    hello(), hello('me'), hello(name='them')
    monkeypatch.setattr('sys.argv', ['/usr/bin/hello', '--name', 'x'])
    monkeypatch.setattr('muvae.cli._replace_unwritable', lambda: None)
    hello()
    assert said == ['you', 'me', 'them', 'x']


def test_folder_that_cannot_be(sh, tmp_path):
    (tmp_path/'file').write_text('mine')
    one_line(sh('muvae_run', *SMALL, '--out', 'file/beneath'), 'file/beneath')
    one_line(sh('muvae_run', *SMALL, '--out', 'file'), 'file')
    assert (tmp_path/'file').read_text() == 'mine'


def test_another_run_in_the_folder(sh, tmp_path):
    assert sh('muvae_run', *SMALL, '--out', 'a').returncode == 0
    before = {p.name: p.read_bytes() for p in (tmp_path/'a').iterdir()}
    one_line(sh('muvae_run', *SMALL, '--clip', '6', '--out', 'a'), 'clip is 3.0 there, 6.0 here')
    one_line(sh('muvae_run', *SMALL, '--seed', '1', '--out', 'a'), 'seed is 0 there, 1 here')
    again = sh('muvae_run', *SMALL, '--out', 'a')
    assert again.returncode == 0 and 'collapse  ' in again.stdout
    assert before == {p.name: p.read_bytes() for p in (tmp_path/'a').iterdir()}


def test_damaged_run(sh, tmp_path):
    assert sh('muvae_run', *SMALL, '--out', 'a').returncode == 0
    (tmp_path/'a/checkpoint.safetensors').write_bytes(b'half of it')
    one_line(sh('muvae_run', *SMALL, '--epochs', '2', '--out', 'a'), 'checkpoint.safetensors', 'choose another')
    (tmp_path/'a/config.json').write_text('{"config": ')
    one_line(sh('muvae_run', *SMALL, '--out', 'a'), 'config.json')


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    "No data set but the digits can be had, here or in a command that is a fork of this process"
    import muvae.fetch
    monkeypatch.setattr(muvae.fetch, '_sources', lambda name, raw: iter(()))
    monkeypatch.setenv('MUVAE_DATA', str(tmp_path/'data'))


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere a command is no fork')
def test_data_that_cannot_be_had(sh, nowhere):
    one_line(sh('muvae_run', '--dataset', 'mnist', '--epochs', '1', '--out', 'a'), 'mnist', 'What to do')
    one_line(sh('muvae_paper', '--dataset', 'mnist', '--epochs', '1', '--out', 'b'), 'mnist')


def test_fallback(nowhere, capsys):
    "The grid takes the digits instead, for as many steps, and says so in one line"
    from muvae.paper import at_hand
    assert at_hand('mnist', 2, 'digits') == ('digits', 84)
    said = capsys.readouterr().out
    assert said.count('\n') == 1 and said.startswith('mnist cannot be had here, so digits')


def test_failed_run_is_not_in_the_table(sh, tmp_path):
    "A run of the grid that fails is named, left out of the table, and the command says so at its end"
    folder = tmp_path/'grid/digits/toy-mu3/seed0'
    assert sh('muvae_run', '--dataset', 'digits', '--model', 'toy', '--epochs', '1', '--device', 'cpu', '--out', folder).returncode == 0
    (folder/'checkpoint.safetensors').write_bytes(b'half of it')
    r = sh('muvae_paper', '--dataset', 'digits', '--model', 'toy-vae,toy-mu3', '--epochs', '2', '--device', 'cpu', '--out', 'grid')
    assert r.returncode == 1 and 'digits/toy-mu3 seed 0 failed: ' in r.stderr and '1 of 2 runs did not end well' in r.stderr, r.stderr
    table = r.stdout[r.stdout.rindex('data  '):]
    assert 'VAE' in table and 'μ-VAE' not in table
    assert (tmp_path/'grid/report.html').read_text().count('<tr>') == 2
