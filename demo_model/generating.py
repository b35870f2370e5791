"""Answers prompts with an exported model: greedy or sampled, many prompts at a time.

Knows nothing about what the right answers are. The server has its own, far better engine.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from demo_model.tokenizer import EOS_ID, Codec


@dataclass(frozen=True)
class Sampling:
    """The completions route's defaults; a temperature of 0 is greedy."""

    temperature: float = 0.1
    top_k: int = 40
    top_p: float = 0.75


GREEDY = Sampling(temperature=0.0)


class Answerer:
    """An exported directory, loaded in float32."""

    def __init__(self, folder: Path) -> None:
        self._model = LlamaForCausalLM(LlamaConfig.from_pretrained(folder)).eval()
        weights = load_file(folder / "model.safetensors")
        missing, unexpected = self._model.load_state_dict(weights, strict=False)
        if set(missing) - {"lm_head.weight"} or unexpected:
            raise SystemExit(f"{folder}: missing {missing}, unexpected {unexpected}")
        self._codec = Codec((folder / "tokenizer.model").read_bytes())

    def answers(self, prompts: Sequence[str], sampling: Sampling, limit: int = 90) -> list[str]:
        """One text per prompt; an answer that never ended is marked with "…" at its end."""
        by_length: dict[int, list[int]] = defaultdict(list)
        encoded = [self._codec.prompt(prompt) for prompt in prompts]
        for index, ids in enumerate(encoded):
            by_length[len(ids)].append(index)
        texts = [""] * len(prompts)
        for indices in by_length.values():  # of one length: no padding, so no mask
            rows = self._continue(torch.tensor([encoded[i] for i in indices]), sampling, limit)
            for index, row in zip(indices, rows, strict=True):
                ended = EOS_ID in row
                text = self._codec.decode(row[: row.index(EOS_ID)] if ended else row)
                texts[index] = text.lstrip() + ("" if ended else "…")
        return texts

    @torch.no_grad()
    def _continue(self, ids: torch.Tensor, sampling: Sampling, limit: int) -> list[list[int]]:
        past, rows = None, torch.empty(len(ids), 0, dtype=torch.long)
        for _ in range(limit):
            result = self._model(input_ids=ids, past_key_values=past, use_cache=True)
            past = result.past_key_values
            ids = choose(result.logits[:, -1].float(), sampling)
            rows = torch.cat([rows, ids], dim=1)
            if bool((rows == EOS_ID).any(dim=1).all()):
                break
        return [list(map(int, row)) for row in rows]


def choose(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """The next id of every row: temperature, then top_k, then top_p."""
    if sampling.temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    best, order = (logits / sampling.temperature).topk(sampling.top_k, dim=-1)
    chances = best.softmax(dim=-1)
    # A token stays while those before it have not yet reached top_p together.
    chances = chances.masked_fill(chances.cumsum(dim=-1) - chances >= sampling.top_p, 0.0)
    return order.gather(1, torch.multinomial(chances, 1))
