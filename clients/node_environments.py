"""Puts each client for Node into a folder of its own, below build/clients.

Knows nothing about what is tried with them.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass

from clients.environments import DIRECTORY, ROOT


@dataclass(frozen=True, slots=True)
class NodeClient:
    """A package of npm, and the script in `clients/tried` that tries it."""

    name: str
    package: str
    version: str  #: as pinned
    beside: tuple[tuple[str, str], ...] = ()  #: packages that it is used with, and their versions
    modules: tuple[str, ...] = ()  #: of `clients/tried`, that the script imports

    def command(self) -> list[str]:
        """What runs its script, after installing what is not there yet.

        Raises:
            CalledProcessError: npm failed.
        """
        directory = DIRECTORY / self.name
        directory.mkdir(parents=True, exist_ok=True)
        packages = {self.package: self.version, **dict(self.beside)}
        manifest = json.dumps({"private": True, "type": "module", "dependencies": packages})
        done = directory / "installed.json"
        if not done.is_file() or done.read_text() != manifest:
            (directory / "package.json").write_text(manifest)
            npm = ("npm", "install", "--no-audit", "--no-fund", "--loglevel", "error")
            subprocess.run(npm, cwd=directory, check=True)
            done.write_text(manifest)
        # A module finds the packages of the folder that it lies in.
        script, *_ = (
            shutil.copy(ROOT / "clients" / "tried" / f"{name}.mjs", directory)
            for name in (self.name, *self.modules)
        )
        return [shutil.which("node") or "node", str(script)]


NODE_CLIENTS = (
    NodeClient("openai_node", "openai", "7.59.0"),
    NodeClient("anthropic_node", "@anthropic-ai/sdk", "1.14.0"),
    NodeClient(
        "ai_sdk",
        "ai",
        "7.0.173",
        (("@ai-sdk/openai-compatible", "3.0.92"), ("zod", "4.6.7")),
        ("ai_sdk_answers",),
    ),
    NodeClient(
        "ai_sdk_openai",
        "@ai-sdk/openai",
        "4.0.118",
        (("ai", "7.0.173"), ("zod", "4.6.7")),
        ("ai_sdk_answers",),
    ),
)
