"nbdev's git hooks, for this clone alone: notebooks are cleaned on saving and merged as notebooks."
import subprocess
from pathlib import Path

hook = Path('.git/hooks/post-merge')
if hook.parent.is_dir() and not hook.exists():
    hook.write_text('#!/bin/sh\n.venv/bin/nbdev_trust\n')
    hook.chmod(0o755)
subprocess.run(['git', 'config', '--local', 'include.path', '../.gitconfig'], check=False)
