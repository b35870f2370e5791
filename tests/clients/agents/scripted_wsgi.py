"""gunicorn's entry point for a server whose scripted answers call a tool where a turn says so.

The environment variable SCRIPT_TOOL is the tool's name, SCRIPT_ARGUMENT its parameter for the
command.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace

from app import create_app
from app.engine.request import GenerationRequest
from config import Config
from tests.clients.agents.script import ANSWER, ASKED, COMMAND, CONTEXT, OUTPUT
from tests.fakes import INFO, ScriptedEngine


class CallingEngine(ScriptedEngine):
    """Answers with ANSWER, or with a call in Hermes form."""

    def scripted(self, request: GenerationRequest, index: int) -> str:
        """The answer to the last turn of the prompt."""
        _, asked, after = self.decode(request.prompts[0]).rpartition(ASKED)
        if not asked or OUTPUT in after:
            return ANSWER
        arguments = {os.environ["SCRIPT_ARGUMENT"]: COMMAND}
        call = {"name": os.environ["SCRIPT_TOOL"], "arguments": arguments}
        return f"<tool_call>\n{json.dumps(call)}\n</tool_call>"


def _engine() -> CallingEngine:
    engine = CallingEngine(info_=replace(INFO, max_model_len=CONTEXT))
    engine.answer = engine.scripted
    return engine


app = create_app(Config(MODEL_NAME="model"), _engine())
