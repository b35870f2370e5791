"""Thinking in the engine: its budget, what begins after it, and the same tokens under any load."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.engine.async_engine import AsyncEngine
from app.engine.batch import SampledToken, SamplingInput
from app.engine.build_sequences import generation_sequences
from app.engine.events import FinishReason
from app.engine.loaded_model import LoadedModel
from app.engine.request import GenerationRequest, Reasoning, SamplingParams
from app.engine.request_handle import RequestHandle
from app.engine.token_ids import TokenIds
from app.structured_output.structured_output import StructuredOutput, StructuredOutputKind
from tests.engine.fakes import CountingRunner, FollowingSampler, fake_model
from tests.harness.in_process import Choice, collect, start
from tests.id_tokenizer import IdTokenizer

#: After the bytes: the end of the sequence, the tags as special tokens, and a token that ends the
#: thinking and begins an answer.
EOS, START, END, BOTH = 256, 257, 258, 259
INSIDE = Reasoning("<think>", "</think>", starts_inside=True, end_ids=tuple(b"</think>"))
OUTSIDE = replace(INSIDE, starts_inside=False)
ENUM = StructuredOutput(StructuredOutputKind.JSON_SCHEMA, '{"enum": ["ab", "cd"]}')


class ByteTokenizer(IdTokenizer):
    """One token for each byte, and those above."""

    def __init__(self, special_tags: bool) -> None:
        super().__init__(BOTH + 1, (EOS,))
        tags = {START: "<think>", END: "</think>"} if special_tags else {}
        self.special_ids, self.special_texts = (EOS, *tags), ("</s>", *tags.values())
        self.bos_id = None
        self.token_bytes = (*(bytes([b]) for b in range(256)), b"", b"", b"", b'>"cd"')

    def encode(self, text: str, *, allow_special: bool = False) -> TokenIds:
        return tuple(text.encode())


class Wishes(FollowingSampler):
    """Of each request (by its seed) the next token that it wishes for; where that is not allowed,
    the first that is, and the wish stays."""

    def __init__(self, *wishes: bytes | list[int]) -> None:
        super().__init__()
        self.wishes = [iter([*each, EOS]) for each in wishes]
        self.wished: dict[int, int] = {}

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        return [SampledToken(self._next(each)) for each in inputs]

    def _next(self, sampling: SamplingInput) -> int:
        seed = sampling.seed
        if seed not in self.wished:
            self.wished[seed] = next(self.wishes[seed], EOS)
        if sampling.allowed is not None and not sampling.allowed[self.wished[seed]]:
            return int(np.argmax(sampling.allowed))
        return self.wished.pop(seed)


class Obedient(FollowingSampler):
    """The runner's number, which all tokens before it make, among those that are allowed."""

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        tokens = []
        for value, sampling in zip(logits, inputs, strict=True):
            allowed = (
                np.arange(256) if sampling.allowed is None else np.flatnonzero(sampling.allowed)
            )
            tokens.append(SampledToken(int(allowed[int(value) % len(allowed)])))
        return tokens


def model_of(sampler: FollowingSampler, special_tags: bool = True, **settings: Any) -> LoadedModel:
    model = fake_model(CountingRunner(), sampler, **settings)
    info = replace(model.info, vocab_size=BOTH + 1)
    return replace(
        model, tokenizer=ByteTokenizer(special_tags), eos_ids=frozenset((EOS,)), info=info
    )


def ask(
    wishes: bytes | list[int],
    reasoning: Reasoning,
    output: StructuredOutput | None = None,
    **fields: Any,
) -> Choice:
    is_spelled = b"<th" in bytes(token for token in wishes if token < EOS)
    model = model_of(Wishes(wishes), special_tags=not is_spelled)
    engine = start(AsyncEngine(lambda: model, 10))
    params = SamplingParams(seed=0)
    request = GenerationRequest(
        ((1, 2, 3),), params, reasoning=reasoning, structured_output=output, **fields
    )
    (choice,) = collect(engine.generate(request))
    engine.drain(0)
    return choice


@pytest.mark.parametrize("budget", [*range(20), None])
@pytest.mark.parametrize("special", [False, True])
def test_the_budget_ends_the_thinking(budget: int | None, special: bool) -> None:
    end = [END] if special else list(b"</think>")
    reasoning = replace(INSIDE, end_ids=tuple(end), budget=budget)
    choice = ask([*b"ABCDEFGH", *end, *b"\n\nyes"], reasoning)
    thinking = "ABCDEFGH" if budget is None or budget >= 8 else "ABCDEFGH"[:budget]
    rest = "ABCDEFGH"[len(thinking) :]
    assert choice.reasoning == thinking and choice.reasoning_tokens == len(thinking)
    # The model goes on as it wished to, but the thinking does not.
    assert choice.text == (f"{rest}{'</think>'}\n\nyes" if rest else "yes")
    assert choice.reason is FinishReason.STOP


def test_a_tag_that_is_half_written_is_completed() -> None:
    choice = ask([*b"abcd</thzzz"], replace(INSIDE, budget=6))
    assert (choice.reasoning, choice.text) == ("abcd", "zzz")


def test_without_thinking_the_budget_does_nothing() -> None:
    choice = ask(b"a long answer", replace(OUTSIDE, budget=3))
    assert (choice.reasoning, choice.text, choice.reasoning_tokens) == ("", "a long answer", 0)


@pytest.mark.parametrize("limit", range(1, 24))
def test_max_tokens_count_the_thinking_too(limit: int) -> None:
    choice = ask(b"<think>abc</think>yes no", OUTSIDE, max_tokens=limit)
    assert len(choice.tokens) == limit and choice.reason is FinishReason.LENGTH
    text = "<think>abc</think>yes no"[:limit]
    if limit < 7:
        assert (choice.reasoning, choice.text) == ("", text)
    else:
        thinking, _, answer = text[7:].partition("</think>")
        assert (choice.reasoning, choice.text) == (thinking, answer)


def test_the_end_of_the_sequence_ends_the_thinking() -> None:
    choice = ask(b"abc", INSIDE)
    assert (choice.reasoning, choice.text, choice.reason) == ("abc", "", FinishReason.STOP)


@pytest.mark.parametrize(
    ("reasoning", "wishes", "thinking", "answer"),
    [
        (INSIDE, [*b'say "ab"?</think>', *b'"cd"'], 'say "ab"?', '"cd"'),
        (INSIDE, [*b"hm", END, *b'"cd"'], "hm", '"cd"'),
        (OUTSIDE, [*b'<think>say "ab"</think>', *b'"cd"'], 'say "ab"', '"cd"'),
        (OUTSIDE, [START, *b"hm", END, *b'"cd"'], "hm", '"cd"'),
        (OUTSIDE, [*b'"cd"'], "", '"cd"'),
        # An answer cannot begin within a token of the thinking.
        (INSIDE, [*b"hm</think", BOTH], None, None),
        # Nor may the sequence end without one.
        (INSIDE, [*b"hm", EOS], None, None),
        (OUTSIDE, [EOS], None, None),
        (OUTSIDE, [*b"What?"], None, None),
        (OUTSIDE, [*b"<think>", EOS], None, None),
        (OUTSIDE, [*b"<th'"], None, None),
        # A part of the tag is no beginning where one token is all of it.
        (OUTSIDE, [*b"<"], "", '"ab"'),
    ],
)
def test_a_grammar_begins_after_the_thinking(
    reasoning: Reasoning, wishes: list[int], thinking: str | None, answer: str | None
) -> None:
    choice = ask(wishes, replace(reasoning, budget=40), ENUM, max_tokens=120)
    assert choice.text in ('"ab"', '"cd"') and choice.reason is FinishReason.STOP
    if thinking is not None:
        assert (choice.reasoning, choice.text) == (thinking, answer)


def test_a_stop_token_does_not_end_the_thinking_before_a_grammar() -> None:
    bounded = replace(INSIDE, budget=10)
    choice = ask([*b"abc.", END, *b'"cd"'], bounded, ENUM, stop_token_ids=(ord("."),))
    assert choice.reasoning_tokens == 10 and choice.text in ('"ab"', '"cd"')
    choice = ask([*b"abc.", END, *b'"cd"'], INSIDE, stop_token_ids=(ord("."),))
    assert (choice.reasoning, choice.text, choice.reason) == ("abc", "", FinishReason.STOP)


@pytest.fixture(scope="module")
def requests() -> list[GenerationRequest]:
    found = []
    for index in range(24):
        budget = None if index % 4 == 3 else index
        reasoning = replace(INSIDE if index % 2 else OUTSIDE, budget=budget)
        found.append(
            GenerationRequest(
                (tuple(range(3, 8 + index)),),
                max_tokens=400 + index,
                structured_output=ENUM if index % 3 == 0 else None,
                reasoning=reasoning,
            )
        )
    return found


@pytest.fixture
def crowded() -> Iterator[AsyncEngine]:
    engine = start(AsyncEngine(lambda: model_of(Obedient(), kv_cache_tokens=600), 100))
    yield engine
    engine.drain(0)


def test_the_same_tokens_under_any_load(
    requests: list[GenerationRequest], crowded: AsyncEngine
) -> None:
    alone = [collect(crowded.generate(request)) for request in requests]
    assert crowded.stats.preemptions == 0
    handles = [crowded.generate(request) for request in requests]
    assert [collect(handle) for handle in handles] == alone
    assert crowded.stats.preemptions > 0
    thought = [choice.reasoning_tokens for (choice,) in alone]
    budgets = [request.reasoning.budget for request in requests if request.reasoning]
    assert sum(count > 0 for count in thought) > 5
    assert all(b is None or t <= b for t, b in zip(thought, budgets, strict=True))


def test_a_beam_ends_with_a_stop_string_of_the_answer() -> None:
    model = model_of(Obedient())
    request = GenerationRequest(((1,),), num_beams=2, stop=("no",), reasoning=OUTSIDE)
    (lead,) = generation_sequences(request, model, RequestHandle(1, 1, lambda: None), [50])
    assert lead.beam_group is not None
    is_finished = lead.beam_group.search._is_finished
    thinking = b"<think>no</think>"
    assert not is_finished(tuple(thinking[:9]))
    assert not is_finished(tuple(thinking + b"yes"))
    assert is_finished(tuple(thinking + b"yes no"))
