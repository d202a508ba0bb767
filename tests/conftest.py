import os, shutil, subprocess, sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def sh(tmp_path):
    "Run a console script in an empty folder"
    def run(*args, timeout=300, **env):
        command, env = [BIN/args[0], *map(str, args[1:])], dict(os.environ, **env)
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, env=env)
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
