import os, subprocess, sys
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
