"""Puts the coding agents into a folder below build/clients, as a lock file pins them.

Knows nothing about what is tried with them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from clients.environments import DIRECTORY, ROOT

LOCKED = ROOT / "clients" / "agents"
INSTALLED = DIRECTORY / "agents"


@dataclass(frozen=True, slots=True)
class AgentClient:
    """A package of npm, and the module in `tests/clients/agents` that tries it with servers of its
    own, because no server of the outside can be reached from where it runs."""

    name: str
    package: str

    @property
    def version(self) -> str:
        """As pinned."""
        manifest: Any = json.loads((LOCKED / "package.json").read_text())
        return str(manifest["dependencies"][self.package])

    def command(self) -> list[str]:
        """What runs its module in a network namespace of its own, after installing what is not
        there yet. Only Linux has that.

        Raises:
            CalledProcessError: npm failed.
        """
        install()
        map_root = () if os.geteuid() == 0 else ("--map-root-user",)
        unshare = ("env", "--chdir", str(ROOT), "unshare", "--net", *map_root)
        return [*unshare, sys.executable, "-m", f"tests.clients.agents.{self.name}"]


AGENT_CLIENTS = (
    AgentClient("codex", "@openai/codex"),
    AgentClient("claude_code", "@anthropic-ai/claude-code"),
)


def install() -> None:
    """`npm ci` of the lock file, unless that is what is there.

    Raises:
        CalledProcessError: npm failed.
    """
    lock = (LOCKED / "package-lock.json").read_text()
    done = INSTALLED / "installed.json"
    if done.is_file() and done.read_text() == lock:
        return
    INSTALLED.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKED / name, INSTALLED)
    npm = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error")
    subprocess.run(npm, cwd=INSTALLED, check=True)
    done.write_text(lock)
