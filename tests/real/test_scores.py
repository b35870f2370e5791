"""Logprobs, echo scoring and embeddings on a real model, against transformers' own, over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from tests.harness.client import CHAT, COMPLETIONS, EMBEDDINGS, Client
from tests.real.asking import CONVERSATIONS

TEXTS = [
    "The capital of France is Paris, and the capital of Italy is Rome.",
    "def add(a, b):\n    return a + b\n",
    "西湖位于杭州市的西部，是中国著名的风景名胜。",
    "To be, or not to be, that is the question. " * 12,
]
CLOSE = 2e-3


def own_logprobs(model: PreTrainedModel, ids: list[int]) -> torch.Tensor:
    """Row i: of the token after ids[: i + 1]."""
    with torch.inference_mode():
        return torch.log_softmax(model(torch.tensor([ids])).logits[0].float(), -1)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("as_ids", [True, False])
def test_echo_scores_a_prompt(
    http: Client, reference: PreTrainedModel, reference_tokenizer: Any, text: str, as_ids: bool
) -> None:
    ids = reference_tokenizer(text)["input_ids"]
    body = {"prompt": ids if as_ids else text, "prompt_template": "none", "echo": True}
    body |= {"max_tokens": 0, "logprobs": 2, "temperature": 0}
    choice = http.post(COMPLETIONS, body).ok()["choices"][0]
    assert choice["text"] == text
    told = choice["logprobs"]["token_logprobs"]
    own = own_logprobs(reference, ids)
    assert told[0] is None and len(told) == len(ids)
    expected = [own[number, token].item() for number, token in enumerate(ids[1:])]
    assert told[1:] == pytest.approx(expected, abs=CLOSE)
    for number, top in enumerate(choice["logprobs"]["top_logprobs"][1:]):
        best = own[number].max().item()
        assert max(top.values()) == pytest.approx(best, abs=CLOSE)


def test_logprobs_of_an_answer(
    http: Client, reference: PreTrainedModel, reference_tokenizer: Any
) -> None:
    for messages in (CONVERSATIONS[0], CONVERSATIONS[24], CONVERSATIONS[38]):
        body = {"messages": messages, "temperature": 0, "max_tokens": 24, "logprobs": True}
        choice = http.post(CHAT, {**body, "top_logprobs": 3}).ok()["choices"][0]
        prompt = reference_tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        ids = list(prompt["input_ids"])
        for told in choice["logprobs"]["content"]:
            with torch.inference_mode():
                logits = reference(torch.tensor([ids]), logits_to_keep=1).logits[0, -1].float()
            own = torch.log_softmax(logits, -1).topk(3)
            assert told["logprob"] == pytest.approx(own.values[0].item(), abs=CLOSE)
            alternatives = [each["logprob"] for each in told["top_logprobs"]]
            assert alternatives == pytest.approx(own.values.tolist(), abs=CLOSE)
            ids.append(int(own.indices[0]))
        answer = reference_tokenizer.decode(ids[len(prompt["input_ids"]) :])
        assert answer == choice["message"]["content"]


def test_embeddings(http: Client, reference: PreTrainedModel, reference_tokenizer: Any) -> None:
    body = {"input": TEXTS, "encoding_format": "base64"}
    data = http.post(EMBEDDINGS, body).ok()["data"]
    for text, item in zip(TEXTS, data, strict=True):
        vector = np.frombuffer(base64.b64decode(item["embedding"]), "<f4")
        ids = torch.tensor([reference_tokenizer(text)["input_ids"]])
        with torch.inference_mode():
            mean = reference.model(ids).last_hidden_state[0].double().mean(0)
        assert np.abs(vector - (mean / mean.norm()).numpy()).max() < 2e-5


def test_near_texts_have_near_vectors(http: Client) -> None:
    texts = ["A cat sleeps on the sofa.", "A kitten naps on the couch.", "Interest rates rose."]
    data = http.post(EMBEDDINGS, {"input": texts}).ok()["data"]
    cat, kitten, rates = (np.array(item["embedding"]) for item in data)
    assert cat @ kitten > cat @ rates
