"""Logprobs are the model's own: held against transformers, in both shapes, of answers and prompts.

Knows nothing about the engine; the reference is fed what the server says it chose.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from app.tokenizer.tokenizer import Tokenizer
from tests.conformance.asking import (
    CHAT_WHOLE,
    STREAM,
    WAYS,
    WHOLE,
    Asker,
    Choice,
    Way,
)

TOLERANCE = 1e-3
#: Greedy, likely and wild: what is reported is the model's own in all of them.
KINDS: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 1, "top_k": 5, "seed": 1, "repetition_penalty": 1.5},
    {"temperature": 2, "top_k": 0, "top_p": 1, "seed": 2, "frequency_penalty": 2},
    {"temperature": 2, "top_k": 0, "top_p": 1, "seed": 3, "logit_bias": {"5": 30}},
]


class Judge:
    """The reference's log-probabilities along an answer whose ids are found on the way."""

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer) -> None:
        self._model, self._bytes = model, tokenizer.token_bytes
        self._special = dict(zip(tokenizer.special_ids, tokenizer.special_texts, strict=True))

    def name(self, token: int, mark: str) -> str:
        """As the route with this mark names a token."""
        if token in self._special:
            return self._special[token]
        try:
            return self._bytes[token].decode()
        except UnicodeDecodeError:
            return mark + "".join(f"\\x{byte:02x}" for byte in self._bytes[token])

    @torch.inference_mode()
    def rows(self, ids: list[int]) -> torch.Tensor:
        """log-softmax after each of the ids."""
        logits = self._model(torch.tensor([ids])).logits[0]
        return torch.log_softmax(logits.float(), -1)

    def follow(self, prompt: list[int], names: list[str], values: list[float], mark: str) -> None:
        """Check each token's value. Of tokens that share a name, the one whose value fits."""
        ids = list(prompt)
        for name, value in zip(names, values, strict=True):
            row = self.rows(ids)[-1]
            same = [token for token in range(len(row)) if self.name(token, mark) == name]
            fitting = min(same, key=lambda token: abs(float(row[token]) - value))
            assert float(row[fitting]) == pytest.approx(value, abs=TOLERANCE), name
            ids.append(fitting)


@pytest.fixture(scope="module")
def judge(reference: PreTrainedModel, tokenizer: Tokenizer) -> Judge:
    return Judge(reference, tokenizer)


def prompt_of(ask: Asker, way: Way) -> list[int]:
    ids: list[int] = ask.client.post("/tokenize", way.question).ok()["tokens"]
    return ids


@pytest.mark.parametrize("fields", KINDS, ids=["greedy", "likely", "wild", "biased"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_values_are_transformers(
    ask: Asker, judge: Judge, way: Way, fields: dict[str, Any]
) -> None:
    asked = {"logprobs": True, "top_logprobs": 20} if way.chat else {"logprobs": 5}
    fields = {"max_tokens": 16, "ignore_eos": True, **fields}
    (choice,) = ask(way, **asked, **fields).choices
    if way.chat:
        content = choice.logprobs["content"]
        names = [entry["token"] for entry in content]
        judge.follow(prompt_of(ask, way), names, [entry["logprob"] for entry in content], "")
    else:
        names = choice.logprobs["tokens"]
        values = choice.logprobs["token_logprobs"]
        judge.follow(prompt_of(ask, way), names, values, "bytes:")
    assert len(names) == 16


def test_alternatives_are_the_likeliest(ask: Asker, judge: Judge) -> None:
    prompt = prompt_of(ask, WHOLE)
    row = judge.rows(prompt)[-1]
    top = row.topk(20)
    (choice,) = ask(WHOLE, max_tokens=1, logprobs=5).choices
    named = choice.logprobs["top_logprobs"][0]
    expected = [judge.name(token, "bytes:") for token in top.indices[:5].tolist()]
    assert list(named)[:5] == expected
    assert list(named.values())[:5] == pytest.approx(top.values[:5].tolist(), abs=TOLERANCE)
    (choice,) = ask(CHAT_WHOLE, max_tokens=1, logprobs=True, top_logprobs=20).choices
    (entry,) = choice.logprobs["content"]
    row = judge.rows(prompt_of(ask, CHAT_WHOLE))[-1]
    top = row.topk(20)
    values = [alternative["logprob"] for alternative in entry["top_logprobs"]]
    assert values == pytest.approx(top.values.tolist(), abs=TOLERANCE)
    assert [alternative["token"] for alternative in entry["top_logprobs"]] == [
        judge.name(token, "") for token in top.indices.tolist()
    ]


@pytest.mark.parametrize("alternatives", [0, 1, 20])
def test_counts_of_alternatives(ask: Asker, alternatives: int) -> None:
    fields = {"max_tokens": 4, "temperature": 2, "seed": 1}
    (choice,) = ask(CHAT_WHOLE, logprobs=True, top_logprobs=alternatives, **fields).choices
    assert {len(entry["top_logprobs"]) for entry in choice.logprobs["content"]} == {alternatives}
    if alternatives <= 5:
        wild = {**fields, "top_k": 0, "top_p": 1}
        (choice,) = ask(WHOLE, logprobs=alternatives, **wild).choices
        named = zip(choice.logprobs["tokens"], choice.logprobs["top_logprobs"], strict=True)
        for token, top in named:
            assert token in top, "the chosen token is always there"
            assert max(1, alternatives) <= len(top) <= alternatives + 1


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_refused(ask: Asker, way: Way) -> None:
    if way.chat:
        for fields in ({"logprobs": 1}, {"logprobs": True, "top_logprobs": 21}):
            assert ask.refusal(way, **fields)["param"] == list(fields)[-1]
        assert ask.refusal(way, top_logprobs=1)["param"] == "top_logprobs"
    else:
        for value in (6, -1, True):
            assert ask.refusal(way, logprobs=value)["param"] == "logprobs"
    assert ask.refusal(way, logprobs=True if way.chat else 0, num_beams=2)["param"] == "logprobs"


def told(choice: Choice) -> str:
    """The text that the tokens with logprobs make."""
    return b"".join(choice.tokens).decode(errors="replace").lstrip()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_bytes_put_the_text_together(ask: Asker, way: Way) -> None:
    for seed in range(6):
        fields = {"temperature": 2, "top_k": 0, "top_p": 1, "seed": seed, "max_tokens": 40}
        (choice,) = ask(way, logprobs=True if way.chat else 0, **fields).choices
        assert told(choice) == choice.text


@pytest.mark.parametrize("way", [WHOLE, STREAM], ids=str)
def test_offsets_are_where_tokens_begin(ask: Asker, way: Way) -> None:
    for seed in range(6):
        wild = {"temperature": 2, "top_k": 0, "top_p": 1, "seed": seed, "max_tokens": 40}
        (choice,) = ask(
            way, prompt="Ω😀杭", prompt_template="none", echo=True, logprobs=1, **wild
        ).choices
        tokens, offsets = choice.logprobs["tokens"], choice.logprobs["text_offset"]
        assert len(tokens) == len(offsets) and offsets[0] == 0 and offsets == sorted(offsets)
        ends = [*offsets[1:], len(choice.text)]
        for token, start, end in zip(tokens, offsets, ends, strict=True):
            if not token.startswith(("bytes:", "<")) and end - start == len(token):
                assert choice.text[start:end] == token
        whole = [t for t in tokens if not t.startswith(("bytes:", "<"))]
        assert sum(t in choice.text for t in whole) >= len(whole) - 1  # "▁" before the text


@pytest.mark.parametrize("way", [WHOLE, STREAM], ids=str)
@pytest.mark.parametrize("max_tokens", [0, 5])
def test_echo_scores_are_the_models_loss(
    ask: Asker, reference: PreTrainedModel, way: Way, max_tokens: int
) -> None:
    """What evaluation harnesses score with."""
    texts = ["中国的首都是北京。" * 9, "Hello, world", "😀" * 12]
    prompts = [
        ask.client.post("/tokenize", {"prompt": text, "prompt_template": "none"}).ok()["tokens"]
        for text in texts
    ]
    fields = {"echo": True, "logprobs": 1, "temperature": 0, "ignore_eos": True}
    answer = ask(way, prompt=prompts, max_tokens=max_tokens, **fields)
    for ids, text, choice in zip(prompts, texts, answer.choices, strict=True):
        values = choice.logprobs["token_logprobs"]
        assert values[0] is None and len(values) == len(ids) + max_tokens
        given = torch.tensor([ids])
        with torch.inference_mode():
            output = reference(given, labels=given)
            rows = torch.log_softmax(output.logits[0].float(), -1)
        own = [float(rows[at, token]) for at, token in enumerate(ids[1:])]
        assert values[1 : len(ids)] == pytest.approx(own, abs=TOLERANCE)
        loss = -math.fsum(values[1 : len(ids)]) / (len(ids) - 1)
        assert loss == pytest.approx(output.loss.item(), abs=TOLERANCE)
        assert choice.text.startswith(text)
        assert (choice.text == text) == (max_tokens == 0)
        assert choice.reason == "length"
    assert answer.usage is not None
    assert answer.usage["completion_tokens"] == 3 * max_tokens


def test_greedy_can_be_told_from_the_alternatives(ask: Asker) -> None:
    """As evaluation harnesses do: a continuation is greedy if each token is the likeliest."""
    question = {"prompt": "告诉我中国的首都在哪里"}
    text = ask(WHOLE, **question, temperature=0, max_tokens=5).text
    prompt = ask.client.post("/tokenize", question).ok()["prompt"]
    fields = {"prompt_template": "none", "echo": True, "logprobs": 1, "max_tokens": 0}
    (choice,) = ask(WHOLE, prompt=prompt + text, **fields).choices
    begun = [
        at for at, offset in enumerate(choice.logprobs["text_offset"]) if offset >= len(prompt)
    ]
    for at in begun:
        top = choice.logprobs["top_logprobs"][at]
        assert max(top, key=top.get) == choice.logprobs["tokens"][at]


@pytest.mark.parametrize("way", [WHOLE, STREAM], ids=str)
def test_echo_without_logprobs(ask: Asker, way: Way) -> None:
    rendered = ask.client.post("/tokenize", way.question).ok()["prompt"]
    plain = ask(way, temperature=0, max_tokens=6).text
    answer = ask(way, echo=True, temperature=0, max_tokens=6, n=2)
    assert answer.texts == [rendered + plain] * 2
    assert not answer.choices[0].logprobs
    assert ask(way, echo=True, max_tokens=0).text == rendered
    assert ask.refusal(way, max_tokens=0)["param"] == "max_tokens"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_tokens_that_a_stop_string_cuts_off_are_not_told(ask: Asker, way: Way) -> None:
    asked = {"logprobs": True} if way.chat else {"logprobs": 0}
    fields = {"temperature": 0, "max_tokens": 40, **asked}

    (whole,) = ask(way, **fields).choices
    assert told(whole) == whole.text, "the end of sequence is none of them"
    stop = whole.text[6:9]
    (cut,) = ask(way, **fields, stop=stop).choices
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert whole.tokens[: len(cut.tokens)] == cut.tokens
    assert told(cut).startswith(cut.text), "none is lost"
    rest = b"".join(cut.tokens[:-1]).decode(errors="replace").lstrip()
    assert len(rest) < len(cut.text), "the last one has some text in the answer"
