"""WSGI entry point with an engine that fails as the prompt says; see test_broken_engine."""

from __future__ import annotations

from app import create_app
from app.engine.errors import GenerationFailed
from app.engine.request import GenerationRequest
from config import Config
from tests.fakes import ScriptedEngine, ScriptedHandle

#: Prompts, and what the engine does after two text deltas.
FAULTS: dict[str, Exception] = {
    "refuse": GenerationFailed("the server failed; try again"),
    "break": ZeroDivisionError("a secret of ours"),
}
SILENT = "silent"
SILENCE_S = 60.0


class BreakingEngine(ScriptedEngine):
    """A new engine for each request, so that they are independent."""

    def generate(self, request: GenerationRequest) -> ScriptedHandle:
        """As the prompt says."""
        prompt = self.decode(request.prompts[0])
        scripted = ScriptedEngine(
            failure=FAULTS.get(prompt),
            fail_after=2,
            first_delay_s=SILENCE_S if prompt == SILENT else 0.0,
        )
        handle = scripted.generate(request)
        self.handles.append(handle)
        return handle


app = create_app(Config(PROMPT_TEMPLATE="none"), BreakingEngine())
