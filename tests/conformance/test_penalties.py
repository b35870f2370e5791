"""Bias and penalties by hand: the greedy answer is the one that arithmetic on logits gives.

Knows nothing about the engine's sampler.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from app.tokenizer.tokenizer import Tokenizer
from tests.conformance.asking import WAYS, Asker, Way

TOKENS = 24
NEAR = 1e-3  #: logits this close are a tie


@torch.inference_mode()
def by_hand(
    model: PreTrainedModel, prompt: list[int], fields: dict[str, Any]
) -> tuple[list[int], bool]:
    """The tokens, and whether two of them were ever equally good."""
    ids, tied = list(prompt), False
    for _ in range(TOKENS):
        logits = model(torch.tensor([ids])).logits[0, -1].float()
        for token, bias in fields.get("logit_bias", {}).items():
            logits[int(token)] += bias
        output = ids[len(prompt) :]
        for token in set(output):  # OpenAI: over the output, presence once, frequency each time
            logits[token] -= fields.get("presence_penalty", 0)
            logits[token] -= fields.get("frequency_penalty", 0) * output.count(token)
        if (factor := fields.get("repetition_penalty", 1)) != 1:  # CTRL: over prompt and output
            for token in set(ids):
                logits[token] = (
                    logits[token] * factor if logits[token] < 0 else logits[token] / factor
                )
        best = logits.topk(2).values
        tied = tied or float(best[0] - best[1]) < NEAR
        ids.append(int(logits.argmax()))
    return ids[len(prompt) :], tied


@pytest.mark.parametrize(
    "fields",
    [
        {"frequency_penalty": 1.5},
        {"presence_penalty": 2},
        {"frequency_penalty": -2, "presence_penalty": -1},
        {"presence_penalty": 1, "frequency_penalty": 0.5, "repetition_penalty": 1.2},
        {"logit_bias": {"500": 9.5, "13": -100}, "frequency_penalty": 2},
    ],
    ids=["frequency", "presence", "negative", "all", "bias"],
)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_the_answer_is_the_one_by_hand(
    ask: Asker, reference: PreTrainedModel, tokenizer: Tokenizer, way: Way, fields: dict[str, Any]
) -> None:
    prompt = ask.client.post("/tokenize", way.question).ok()["tokens"]
    expected, tied = by_hand(reference, prompt, fields)
    asked = {"logprobs": True} if way.chat else {"logprobs": 0}
    plain = {"temperature": 0, "max_tokens": TOKENS, "ignore_eos": True}
    (choice,) = ask(way, **plain, **asked, **fields).choices
    assert tied or choice.tokens == [tokenizer.token_bytes[token] for token in expected]
