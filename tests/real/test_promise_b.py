"""Promise B on a real model: greedy tokens are transformers' own, but for true ties."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from app.engine.async_engine import AsyncEngine
from app.engine.request import GenerationRequest, SamplingParams
from tests.harness.in_process import collect
from tests.real.asking import CONVERSATIONS
from tests.real.sentences import CHINESE, ENGLISH

GREEDY = SamplingParams(temperature=0)
#: Logits closer than this may change places: both sides compute in float32, in other orders.
TIE = 5e-4


def assert_own(model: PreTrainedModel, prompt: tuple[int, ...], answer: list[int]) -> int:
    """Each token of `answer`, its end included, is the likeliest after those before it; returns
    how many are so only because the two likeliest are tied."""
    ids = torch.tensor([[*prompt, *answer]])
    with torch.inference_mode():
        logits = model(ids, logits_to_keep=len(answer) + 1).logits[0].float()
    ties = 0
    for number, token in enumerate(answer):
        best, second = logits[number].topk(2).values.tolist()
        if token != int(logits[number].argmax()):
            assert best - second < TIE, f"token {number} of {answer}"
            assert best - logits[number, token].item() < TIE, f"token {number} of {answer}"
            ties += 1
    return ties


def ids_of(tokenizer: Any, messages: list[dict[str, str]]) -> tuple[int, ...]:
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    return tuple(rendered["input_ids"])


def test_chats(engine: AsyncEngine, reference: PreTrainedModel, reference_tokenizer: Any) -> None:
    asked = [ids_of(reference_tokenizer, messages) for messages in CONVERSATIONS]
    assert len(asked) >= 40
    handles = [engine.generate(GenerationRequest((ids,), GREEDY, max_tokens=40)) for ids in asked]
    ties = tokens = ended = 0
    for prompt, handle in zip(asked, handles, strict=True):
        (choice,) = collect(handle)
        ties += assert_own(reference, prompt, choice.tokens)
        tokens += len(choice.tokens)
        ended += choice.reason == "stop"
    assert tokens > 20 * len(asked) and ended > 3
    assert ties <= 2


def long_chat(tokenizer: Any, tokens: int) -> tuple[int, ...]:
    """A question about a text of mixed sentences, at least so many tokens long."""
    rng, text = random.Random(17), ""
    while len(tokenizer(text)["input_ids"]) < tokens:
        text += " ".join(rng.sample(ENGLISH, 20)) + "\n" + "".join(rng.sample(CHINESE, 5)) + "\n"
    question = f"{text}\nWhat are these sentences about?"
    return ids_of(tokenizer, [{"role": "user", "content": question}])


@pytest.mark.parametrize(
    "tokens", [700, pytest.param(3100, marks=pytest.mark.figures)], ids=["700", "3100"]
)
def test_a_long_chat(
    engine: AsyncEngine, reference: PreTrainedModel, reference_tokenizer: Any, tokens: int
) -> None:
    prompt = long_chat(reference_tokenizer, tokens)
    assert len(prompt) > tokens
    (choice,) = collect(engine.generate(GenerationRequest((prompt,), GREEDY, max_tokens=60)))
    assert assert_own(reference, prompt, choice.tokens) <= 1


def test_beams(engine: AsyncEngine, reference: PreTrainedModel, reference_tokenizer: Any) -> None:
    for messages in (CONVERSATIONS[0], CONVERSATIONS[24]):
        prompt = ids_of(reference_tokenizer, messages)
        request = GenerationRequest((prompt,), GREEDY, num_beams=3, max_tokens=12)
        (choice,) = collect(engine.generate(request))
        with torch.inference_mode():
            own = reference.generate(
                torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)),
                num_beams=3, max_new_tokens=12, do_sample=False,
            )  # fmt: skip
        best = reference_tokenizer.decode(own[0, len(prompt) :], skip_special_tokens=True)
        assert choice.text == best


def test_repetition_penalty(
    engine: AsyncEngine, reference: PreTrainedModel, reference_tokenizer: Any
) -> None:
    """Over prompt and output, on prompts that make a small model repeat itself."""
    from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor

    own = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(1.2)])
    params = SamplingParams(temperature=0, repetition_penalty=1.2)
    for messages in (CONVERSATIONS[2], CONVERSATIONS[26], CONVERSATIONS[-1]):
        prompt = ids_of(reference_tokenizer, messages)
        (choice,) = collect(engine.generate(GenerationRequest((prompt,), params, max_tokens=30)))
        ids = torch.tensor([[*prompt, *choice.tokens]])
        with torch.inference_mode():
            logits = reference(ids, logits_to_keep=len(choice.tokens) + 1).logits[0].float()
        for number, token in enumerate(choice.tokens):
            scores = own(ids[:, : len(prompt) + number], logits[number][None].clone())[0]
            assert scores.max().item() - scores[token].item() < TIE
