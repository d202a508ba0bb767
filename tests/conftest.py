import os, subprocess, sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture
def sh(tmp_path):
    "Run a console script in an empty folder"
    def run(*args, timeout=300, **env):
        return subprocess.run([BIN/args[0], *map(str, args[1:])], cwd=tmp_path, capture_output=True, text=True, timeout=timeout, env=dict(os.environ, **env))
    return run
