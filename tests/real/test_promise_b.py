"""Promise B on a real model: greedy tokens are transformers' own, but for true ties."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from app.engine.service import EngineService
from app.engine.types import GenerationRequest, SamplingParams
from tests.model.serving import collect
from tests.real.asking import CONVERSATIONS

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


def test_chats(engine: EngineService, reference: PreTrainedModel, reference_tokenizer: Any) -> None:
    asked = [ids_of(reference_tokenizer, messages) for messages in CONVERSATIONS]
    assert len(asked) >= 40
    tickets = [engine.generate(GenerationRequest((ids,), GREEDY, max_tokens=40)) for ids in asked]
    ties = tokens = ended = 0
    for prompt, ticket in zip(asked, tickets, strict=True):
        (choice,) = collect(ticket)
        ties += assert_own(reference, prompt, choice.tokens)
        tokens += len(choice.tokens)
        ended += choice.reason == "stop"
    assert tokens > 20 * len(asked) and ended > 3
    assert ties <= 2
