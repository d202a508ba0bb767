"Where a result goes: its numbers into a file, and a picture of them beside it"
import json, os
from pathlib import Path


def save(result, file, picture):
    "Write the numbers to `file` and `picture` of them beside it"
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
    os.environ.setdefault('MPLBACKEND', 'agg')
    picture(result).savefig(path.with_suffix('.png'), dpi=150)
