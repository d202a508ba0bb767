import logging, os, runpy, shutil, signal, subprocess, sys, time, traceback, warnings
from pathlib import Path

import pytest

os.environ['OMP_NUM_THREADS'] = '1'  # before PyTorch is imported: a fork of a process with threads may hang
BIN = Path(sys.executable).parent
sys.path.append(str(Path(__file__).resolve().parent.parent/'tools'))
import shapes  # noqa: E402

shapes.install()  # before muvae is imported


def pytest_configure(config): config.addinivalue_line('markers', 'slow: `make test FLAGS=slow` and .ci/run have time for it')


class Forked:
    "A console script in a fork of this process, which has imported PyTorch: on some machines that takes longer than the command"
    def __init__(self, args, cwd, out=os.devnull, err=os.devnull):
        import muvae.experiments, muvae.figures, sklearn.datasets, torch._dynamo  # noqa: F401 — Adam imports the last
        sys.stdout.flush(), sys.stderr.flush()
        self.pid, self.returncode = os.fork(), None
        if self.pid == 0: self._be(args, cwd, out, err)

    def _be(self, args, cwd, out, err):
        code = 1
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)  # a job that a shell put in the background ignores it
            for n, (path, flags) in enumerate([(os.devnull, os.O_RDONLY), *((p, os.O_WRONLY | os.O_CREAT) for p in (out, err))]):
                os.dup2(os.open(path, flags), n)
            sys.stdin, sys.stdout, sys.stderr = (open(n, m, closefd=False) for n, m in enumerate('rww'))
            os.chdir(cwd)
            logging.getLogger().handlers.clear()  # pytest's; so are the lists that warnings go to
            warnings.showwarning = lambda *a, **kw: print(warnings.formatwarning(*a[:4]), file=sys.stderr)
            warnings.resetwarnings()
            for w in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning): warnings.simplefilter('ignore', w)
            sys.argv = [str(BIN/args[0]), *map(str, args[1:])]
            runpy.run_path(sys.argv[0], run_name='__main__')
            code = 0
        except SystemExit as e:
            code = e.code if isinstance(e.code, int) else int(e.code is not None)
            if isinstance(e.code, str): print(e.code, file=sys.stderr)
        except BaseException: traceback.print_exc()
        finally:
            try: sys.stdout.flush(), sys.stderr.flush()
            finally: os._exit(code)

    def poll(self):
        if self.returncode is None and (done := os.waitpid(self.pid, os.WNOHANG))[0]: self.returncode = os.waitstatus_to_exitcode(done[1])
        return self.returncode

    def wait(self, timeout=300):
        end = time.time() + timeout
        try:
            while self.poll() is None:
                if time.time() > end: raise subprocess.TimeoutExpired(str(self.pid), timeout)
                time.sleep(.005)
        except BaseException:  # the child is in a session of its own: Ctrl-C does not reach it
            self.kill()
            os.waitpid(self.pid, 0)
            raise
        return self.returncode

    def kill(self): os.killpg(self.pid, signal.SIGKILL)


@pytest.fixture
def sh(tmp_path, tmp_path_factory):
    "Run a console script in an empty folder; in a process all of its own where it is to be `fresh` or has an environment"
    def run(*args, fresh=False, timeout=300, **env):
        if fresh or env or sys.platform != 'linux':
            command, env = [BIN/args[0], *map(str, args[1:])], dict(os.environ, **env)
            return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, env=env)
        said = tmp_path_factory.mktemp('said')
        code = Forked(args, tmp_path, said/'out', said/'err').wait(timeout)
        return subprocess.CompletedProcess(args, code, *((said/n).read_text(encoding='utf-8') for n in ('out', 'err')))
    return run


FLAGS = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'


@pytest.fixture(scope='session')
def chromium():
    "A real browser, for `make test-browser`"
    if not os.environ.get('MUVAE_BROWSER'): pytest.skip('the browser tests run by make test-browser')
    path = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
    if path is None: pytest.skip('no Chromium here: apt-get install chromium')
    sync_api = pytest.importorskip('playwright.sync_api', reason='no playwright here: make test-browser installs it')
    with sync_api.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=FLAGS.split())
        yield browser
        browser.close()
