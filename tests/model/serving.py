"""Starts real engines in process and collects what they answer.

Knows nothing about HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.checkpoint.check import check_model
from app.checkpoint.config import read_config
from app.engine.model import LoadedModel
from app.engine.service import EngineService
from app.engine.ticket import Ticket
from app.engine.types import Delta, FinishReason, ModelInfo, TokenLogprob, Vector
from config import Config

WAIT_S = 120.0


class NumberTokenizer:
    """Token i is spelled `i.`; nothing else is needed where prompts are ids."""

    bos_id, bos_text, eos_text = 1, "", ""
    chat_template = None
    special_texts: tuple[str, ...] = ()

    def __init__(self, vocab_size: int, eos_ids: tuple[int, ...]) -> None:
        self.vocab_size, self.eos_ids = vocab_size, eos_ids
        self.token_bytes = tuple(f"{number}.".encode() for number in range(vocab_size))

    def encode(self, text: str, *, allow_special: bool = False) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split(".") if part)

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(f"{number}." for number in ids)


def load_directory(directory: Path, **settings: Any) -> LoadedModel:
    """What the engine gets, for a directory without a tokenizer."""
    from app.model.load import load_runner
    from app.model.sampler import TorchSampler

    model = read_config(directory)
    (directory / "tokenizer.json").touch()  # the checks want one; nothing reads it here
    config = Config(BASE_MODEL=str(directory), ONLY_CPU=True, **settings)
    checked = check_model(config)
    runner, pool_tokens = load_runner(config, checked, model.vocab_size)
    tokenizer = NumberTokenizer(model.vocab_size, model.eos_ids)
    length = config.MAX_MODEL_LEN or model.max_positions
    info = ModelInfo(length, model.hidden_size, model.vocab_size)
    return LoadedModel(
        runner, TorchSampler(), tokenizer, frozenset(model.eos_ids), pool_tokens, info
    )


def start(engine: EngineService) -> EngineService:
    """Start an engine and wait until it answers."""
    ready, failures = threading.Event(), list[BaseException]()

    def failed(error: BaseException) -> None:
        failures.append(error)
        ready.set()

    engine.start(lambda info: ready.set(), failed)
    assert ready.wait(WAIT_S)
    if failures:
        raise failures[0]
    return engine


def engine_of(directory: Path, **settings: Any) -> EngineService:
    """A started engine of a directory without a tokenizer."""
    return start(EngineService(lambda: load_directory(directory, **settings), max_in_flight=1000))


@dataclass
class Choice:
    """One collected answer."""

    text: str = ""
    tokens: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    reason: FinishReason | None = None


def collect(ticket: Ticket) -> list[Choice]:
    """Wait for all choices of a request."""
    choices: dict[int, Choice] = {}
    while not ticket.done:
        events = ticket.next_events(WAIT_S)
        assert events or ticket.done, "the engine went silent"
        for event in events:
            if isinstance(event, Delta):
                choice = choices.setdefault(event.index, Choice())
                assert choice.reason is None, "a delta after the end"
                choice.text += event.text
                choice.tokens += event.token_ids
                choice.logprobs += event.logprobs
                choice.reason = event.finish_reason
    return [choices[index] for index in sorted(choices)]


def collect_vectors(ticket: Ticket) -> list[bytes]:
    """Wait for all embeddings of a request."""
    vectors: dict[int, bytes] = {}
    while not ticket.done:
        events = ticket.next_events(WAIT_S)
        assert events or ticket.done, "the engine went silent"
        vectors |= {event.index: event.values for event in events if isinstance(event, Vector)}
    return [vectors[index] for index in sorted(vectors)]
