"""Codex's command line: `codex exec` and `codex exec resume`, which speak /v1/responses only."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from clients.agent_environments import INSTALLED
from tests.clients.agent_sessions import CodexSession
from tests.clients.agents.script import CONTEXT
from tests.clients.agents.sessions import Agent, try_agent

CONFIG = """\
model = "model"
model_provider = "westlake"
model_context_window = {context}

[model_providers.westlake]
name = "Westlake"
base_url = "{address}/v1"
wire_api = "responses"
"""


def configure(home: Path, address: str) -> dict[str, str]:
    """Its settings are a file."""
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(CONFIG.format(address=address, context=CONTEXT))
    return {}


program = INSTALLED / "node_modules" / "@openai" / "codex" / "bin" / "codex.js"
run = (shutil.which("node") or "node", str(program), "exec", "--skip-git-repo-check")
agent = Agent(
    session=CodexSession,
    path="/v1/responses",
    first=run,
    again=(*run, "resume", "--last"),
    configure=configure,
    tool="exec_command",
    argument="cmd",
)
print(json.dumps({"found": try_agent(agent)}))
