"""Which clock is asked: deadlines and waits go by one that nobody sets."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What is told to people, compared with a file's date, or summed by day; and a library that counts
#: by it.
MAY_ASK_THE_WALL = {
    "app/middleware/api_keys.py",
    "app/middleware/rate_limit.py",
    "app/build.py",
    "app/engine/usage.py",
    "app/prompts/sandbox/globals.py",
    "app/api/completion_meta.py",
    "app/upstream/upstream_engine.py",
    "app/api/responses/response.py",
}


def test_few_ask_the_wall_clock() -> None:
    files = [*(ROOT / "app").rglob("*.py"), *ROOT.glob("*.py")]
    asking = {
        str(path.relative_to(ROOT))
        for path in files
        if re.search(r"\btime\.time(_ns)?\b|\bdatetime\.(now|utcnow|today)\(", path.read_text())
    }
    assert asking == MAY_ASK_THE_WALL
