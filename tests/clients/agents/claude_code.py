"""Claude Code's command line: `claude -p` and `claude -p --continue`, which speak /v1/messages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from clients.agent_environments import INSTALLED
from tests.clients.agent_sessions import ClaudeCodeSession
from tests.clients.agents.script import CONTEXT
from tests.clients.agents.sessions import Agent, try_agent


def configure(home: Path, address: str) -> dict[str, str]:
    """Its settings are environment variables."""
    return {
        "ANTHROPIC_BASE_URL": address,
        "ANTHROPIC_AUTH_TOKEN": "none",
        "ANTHROPIC_MODEL": "model",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(CONTEXT),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


# Without install scripts this launcher finds the program; a newer Node than its own is not needed.
program = INSTALLED / "node_modules" / "@anthropic-ai" / "claude-code" / "cli-wrapper.cjs"
run = (shutil.which("node") or "node", str(program), "--print", "--allowed-tools", "Bash")
agent = Agent(
    session=ClaudeCodeSession,
    path="/v1/messages",
    first=(*run, "--"),
    again=(*run, "--continue", "--"),
    configure=configure,
    tool="Bash",
    argument="command",
)
print(json.dumps({"found": try_agent(agent)}))
