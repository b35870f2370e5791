"""gunicorn's entry for a server whose answers the pages' tests dictate.

Knows nothing about models or browsers: what happens to a request is written in its prompt.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flask import Flask

from app import create_app
from app.engine.errors import GenerationFailed, Overloaded
from app.engine.types import GenerationRequest, Progress, Stats
from config import Config
from tests.fakes import INFO, ScriptedEngine, ScriptedStream

#: What comes after "say " in a prompt is the answer.
SAY = "say "
#: 400 pieces, 50 ms each.
SLOW = "slow"
#: 2,000 pieces, 200 a second.
FAST = "fast"
#: News of waiting and reading before a slow answer.
NEWS = "news"
REFUSE, BREAK = "refuse", "break"
#: A served name that would be a picture and a script, were it markup.
EVIL_NAME = "<img/src=x/onerror=boom()>"

_SAID = re.compile(r"### Instruction:\n(.*?)\n\n### Response: ", re.DOTALL)
_PARAGRAPH = "**West Lake** lies in `Hangzhou`; see [1]. The formula is 3 < 4.\n\n- one\n- two\n\n"


class PageEngine(ScriptedEngine):
    """A new engine for each request, steered by the last thing the person said."""

    @property
    def stats(self) -> Stats:
        """With the pieces that were given out."""
        given = sum(stream._pieces for stream in self.streams)
        return replace(super().stats, generation_tokens=given)

    def generate(self, request: GenerationRequest) -> ScriptedStream:
        """As the prompt says."""
        prompt = self.decode(request.prompts[0])
        said = _SAID.findall(prompt)
        stream = self._engine_for(said[-1] if said else prompt).generate(request)
        self.streams.append(stream)
        return stream

    def _engine_for(self, said: str) -> ScriptedEngine:
        if said == REFUSE:
            raise Overloaded("Too many requests are in flight")
        if said == BREAK:
            failure = GenerationFailed("the server failed; try again")
            return ScriptedEngine(info_=self.info_, failure=failure, fail_after=2)
        if said in (SLOW, NEWS):
            waiting = Progress(queued=3, prefilled_tokens=0, prompt_tokens=0)
            reading = Progress(queued=0, prefilled_tokens=32, prompt_tokens=64)
            news = (waiting,) if said == NEWS else ()
            return _paced("word " * 80, 1, 0.05, (*news, *((reading,) if news else ())))
        if said == FAST:
            return _paced((_PARAGRAPH * 120)[:8000], 4, 0.005)
        text = said.removeprefix(SAY) if said.startswith(SAY) else f"You said: {said}"
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


app = create_app(Config(MODEL_ALIAS=(EVIL_NAME,)), PageEngine(info_=LONG))
