"""The third turn of a coding agent's session: time to its first token, and what of the prompt is
computed again.

In one process, through the routes that the agents use, on SmolLM2 with a longer context (its text
is of no use there, its speed is). Each session has instructions of its own of 12,000 tokens; a tool
is called in the second turn. `alone_s` is the engine's time for as many new ids after the same
history, without HTTP, JSON, template and tokenizer; `without_history_s` that of a prompt of so many
ids. The difference between the two is attention to the history. The last line is one JSON document.

    python -m benchmarks.agent_session --model build/smollm2
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

from flask.testing import FlaskClient  # noqa: E402

from app import create_app  # noqa: E402
from app.build import load  # noqa: E402
from app.checkpoint.check import check_model  # noqa: E402
from app.engine.async_engine import AsyncEngine  # noqa: E402
from app.engine.request import GenerationRequest  # noqa: E402
from app.engine.request_handle import RequestHandle  # noqa: E402
from app.engine.token_ids import TokenIds  # noqa: E402
from benchmarks.engine_load import ask, greedy, random_ids  # noqa: E402
from benchmarks.report import finish, median, table  # noqa: E402
from config import Config  # noqa: E402
from tests.clients.agent_sessions import (  # noqa: E402
    SESSIONS,
    ClaudeCodeSession,
    CodexSession,
    bodies,
)
from tests.harness.in_process import start  # noqa: E402

CONTEXT, HISTORY_TOKENS, ANSWER_TOKENS = 32_768, 12_000, 24
RULE = "Rule {number}: before you change {file}.py, read {other}.py and run the tests of both.\n"
#: A limit on the answer, which the agents do not set as low.
LIMITS = {"/v1/responses": "max_output_tokens", "/v1/messages": "max_tokens"}
Kind = type[CodexSession] | type[ClaudeCodeSession]


class RecordingEngine(AsyncEngine):
    """Keeps the last request's prompt and handle."""

    prompt: TokenIds
    handle: RequestHandle

    def generate(self, request: GenerationRequest) -> RequestHandle:
        """As the engine does."""
        (self.prompt,) = request.prompts
        self.handle = super().generate(request)
        return self.handle


@dataclass(frozen=True, slots=True)
class Turn:
    """What was measured of one turn."""

    first_token_s: float
    prompt: TokenIds
    cached_tokens: int


def with_long_context(model: Path, directory: Path) -> Path:
    """The model's directory anew, with CONTEXT in its config.json."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in model.iterdir():
        if path.name == "config.json":
            config = json.loads(path.read_text()) | {"max_position_embeddings": CONTEXT}
            (directory / path.name).write_text(json.dumps(config))
        elif not (directory / path.name).exists():
            shutil.copy(path, directory)
    return directory


def instructions(engine: AsyncEngine, seed: int) -> str:
    """Rules of HISTORY_TOKENS tokens, others for each seed from the first one on."""
    draw = random.Random(seed)
    text = f"These are the rules of project {seed}.\n"
    while len(engine.encode(text)) < HISTORY_TOKENS:
        text += "".join(
            RULE.format(number=draw.randrange(10_000), file=_name(draw), other=_name(draw))
            for _ in range(20)
        )
    return text


def _name(draw: random.Random) -> str:
    return "_".join(draw.sample(("lake", "bridge", "boat", "island", "dam", "pagoda"), 2))


def turn(client: FlaskClient, engine: RecordingEngine, path: str, body: dict[str, Any]) -> Turn:
    """Ask, and read the stream to its end.

    Raises:
        RuntimeError: the server refused the request.
    """
    began = time.perf_counter()
    answer = client.post(path, json={**body, LIMITS[path]: ANSWER_TOKENS})
    if answer.status_code != 200:
        raise RuntimeError(answer.get_data(as_text=True))
    first = None
    for piece in answer.iter_encoded():
        if first is None and b"delta" in piece:
            first = time.perf_counter()
    return Turn((first or time.perf_counter()) - began, engine.prompt, engine.handle.cached_tokens)


def common_tokens(one: TokenIds, other: TokenIds) -> int:
    """The length of the longest common prefix."""
    pairs = zip(one, other, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def measure(client: FlaskClient, engine: RecordingEngine, kind: Kind, seed: int) -> dict[str, Any]:
    """One session."""
    session = kind(instructions=instructions(engine, seed))
    turns = [turn(client, engine, session.path, body) for body in bodies(session)]
    before, last = turns[-2:]
    common = common_tokens(before.prompt, last.prompt)
    new = len(last.prompt) - last.cached_tokens
    ids = random_ids(new, seed)
    cached = last.prompt[: last.cached_tokens]
    alone = ask(engine, greedy((*cached, *ids), tokens=1)).first_token_s
    without_history = ask(engine, greedy(ids, tokens=1)).first_token_s
    return {
        "history_tokens": common,
        "new_tokens": new,
        "reuse": last.cached_tokens / common,
        "first_turn_s": turns[0].first_token_s,
        "third_turn_s": last.first_token_s,
        "alone_s": alone,
        "without_history_s": without_history,
        "within_limit": float(last.first_token_s <= 1.3 * alone + 0.1),
    }


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description="The third turn of an agent's session.")
    parser.add_argument("--model", type=Path, default=Path("build/smollm2"))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    directory = with_long_context(arguments.model, Path("build/smollm2-32k"))
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True)
    checked = check_model(config)
    engine = RecordingEngine(lambda: load(config, checked))
    start(engine)
    client = create_app(config, engine).test_client()
    results = {}
    for kind in SESSIONS:
        rounds = [measure(client, engine, kind, seed) for seed in range(arguments.rounds)]
        results[kind.path] = {key: median([each[key] for each in rounds]) for key in rounds[0]}
    head = ["route", *next(iter(results.values()))]
    print(table(head, [[path, *found.values()] for path, found in results.items()]))
    finish("agent_session", {"rounds": arguments.rounds, **results})


if __name__ == "__main__":
    main()
