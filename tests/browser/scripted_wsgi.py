"""gunicorn's entry point for a server with scripted answers.

The prompt says what happens to its request.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Flask

from app import create_app
from app.engine.errors import GenerationFailed, Overloaded
from app.engine.events import Progress
from app.engine.request import GenerationRequest
from app.engine.stats import EngineStats
from config import Config
from tests.browser.xss_payloads import NAME, PAYLOADS
from tests.fakes import INFO, ScriptedEngine, ScriptedHandle

#: What comes after "say " in a prompt is the answer.
SAY = "say "
#: The same, four bytes at a time and fifty times a second.
TYPE = "type "
#: What comes after it is why the request is refused.
REFUSE = "refuse "
BREAK = "break"
#: 400 pieces, 50 ms each.
SLOW = "slow"
#: 2,000 pieces, 200 a second: everything an answer may be made of, or one kind of it only.
FAST = "fast"
#: News of waiting, or of reading, before a slow answer.
QUEUED, NEWS = "queued", "news"

_SAID = re.compile(r"### Instruction:\n(.*?)\n\n### Response: ", re.DOTALL)
_BLOCKS = {
    "prose": "**West Lake** lies in `Hangzhou`; see [1]. The formula is 3 < 4.\n\n- one\n- two\n\n",
    "new": "**Note:** it is $a^2$ long. It costs $5 or $6: https://example.org/a.\n\n- [x] one\n\n",
    "list": "1. The *bridge* is \\(a^2 + b^2\\) long.\n\n   It is `old`.\n\n",
    "code": "def bridge(length: int) -> str:\n    # over the lake\n    return f'{length} m'\n\n",
    "table": "| broken | 3 | `x` |\n",
}
_BEFORE = {"code": "```python\n", "table": "| bridge | metres | name |\n|---|--:|---|\n"}
_AFTER = {"code": "```\n\n", "table": "\n"}
_BYTES = 8000


def _long_answer(kind: str) -> str:
    kinds = [kind] if kind else [*_BLOCKS]
    each = _BYTES // len(kinds)
    parts = []
    for name in kinds:
        block, around = _BLOCKS[name], _BEFORE.get(name, "") + _AFTER.get(name, "")
        blocks = block * ((each - len(around)) // len(block))
        parts.append(_BEFORE.get(name, "") + blocks + _AFTER.get(name, ""))
    return "".join(parts).ljust(_BYTES, ".")


class PageEngine(ScriptedEngine):
    """A new engine for each request, steered by the last thing the person said."""

    @property
    def stats(self) -> EngineStats:
        """With the pieces that were given out."""
        given = sum(handle._pieces for handle in self.handles)
        return replace(super().stats, generation_tokens=given)

    def generate(self, request: GenerationRequest) -> ScriptedHandle:
        """As the prompt says."""
        prompt = self.decode(request.prompts[0])
        said = _SAID.findall(prompt)
        handle = self._engine_for(said[-1] if said else prompt).generate(request)
        self.handles.append(handle)
        return handle

    def _engine_for(self, said: str) -> ScriptedEngine:
        if said.startswith(REFUSE):
            raise Overloaded(said.removeprefix(REFUSE))
        if said == BREAK:
            failure = GenerationFailed("the server failed; try again")
            return ScriptedEngine(info_=self.info_, failure=failure, fail_after=2)
        if said in (SLOW, QUEUED, NEWS):
            waiting = Progress(queued=3, prefilled_tokens=0, prompt_tokens=0)
            reading = Progress(queued=0, prefilled_tokens=32, prompt_tokens=64)
            news = {QUEUED: (waiting,), NEWS: (reading,)}.get(said, ())
            return _paced("word " * 80, 1, 0.05, news)
        if said.startswith(FAST):
            return _paced(_long_answer(said.removeprefix(FAST).strip()), 4, 0.005)
        if said.startswith(TYPE):
            return _paced(said.removeprefix(TYPE), 4, 0.02)
        plain = said.removeprefix(SAY) if said.startswith((SAY, *PAYLOADS)) else None
        text = f"You said: {said}" if plain is None else plain
        return ScriptedEngine(info_=self.info_, answer=lambda request, index: text)


def _paced(
    text: str, bytes_per_event: int, delay_s: float, progress: tuple[Progress, ...] = ()
) -> ScriptedEngine:
    return ScriptedEngine(
        info_=LONG,
        answer=lambda request, index: text,
        bytes_per_event=bytes_per_event,
        delay_s=delay_s,
        first_delay_s=1.0 if progress else 0.0,
        progress=progress,
    )


LONG = replace(INFO, max_model_len=65536)


def keyed(keys_file: str) -> Flask:
    """The application for those who have a key."""
    return create_app(Config(API_KEYS_FILE=keys_file), PageEngine(info_=LONG))


def named() -> Flask:
    """The application whose model has a hundred more names, none of them kind."""
    return create_app(Config(MODEL_NAME=NAME, MODEL_ALIAS=PAYLOADS), PageEngine(info_=LONG))


def thinking() -> Flask:
    """The application whose model thinks where its answer begins with a tag."""
    template = (
        "{% for m in messages %}{{ '### Response: ' if m.role == 'assistant' else "
        "'### Instruction:\n' }}{{ m.content }}\n\n{% endfor %}"
        "{% if add_generation_prompt %}### Response: {# <think> #}{% endif %}"
    )
    return create_app(Config(), PageEngine(info_=replace(LONG, chat_template=template)))


app = create_app(Config(MODEL_ALIAS=("adapted",)), PageEngine(info_=LONG))
