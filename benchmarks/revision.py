"""What was measured, and on which machine: so that results of another are not taken for it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: What figures depend on.
CODE = ("app", "benchmarks", "config.py", "wsgi.py", "gunicorn.conf.py", "requirements.txt")


def commit() -> str:
    """The commit that is checked out; empty outside a repository."""
    return _git("rev-parse", "HEAD").decode().strip()


def revision() -> str:
    """A hash of the code that is measured, uncommitted changes included: commits that change only
    documents or tests have the same."""
    content = hashlib.sha256()
    for path in sorted(_git("ls-files", "--cached", "--others", "--exclude-standard", "-z", "--",
                            *CODE).split(b"\0")):  # fmt: skip
        file = ROOT / path.decode()
        if file.is_file():
            content.update(path + b"\0" + file.read_bytes())
    return content.hexdigest()[:16]


def machine() -> str:
    """Architecture, CPU, cores and Python, for people."""
    cores = f"{len(os.sched_getaffinity(0))} cores"
    return ", ".join((platform.machine(), cpu_name(), cores, f"Python {platform.python_version()}"))


def cpu_name() -> str:
    """The CPU's name as the system gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE).stdout
