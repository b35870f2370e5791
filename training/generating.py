"""Answers prompts and embeds sentences with an exported model, many at a time.

Knows nothing about what the right answers are. The server has its own, far better engine.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

from training import embedding
from training.exporting import added_token
from training.tokenizer import EOS_ID, Codec

_ROWS = 96  # prompts that are answered together
UNENDED = "…"  # stands at the end of an answer that did not end by itself


@dataclass(frozen=True)
class Sampling:
    """The completions route's defaults; a temperature of 0 is greedy."""

    temperature: float = 0.1
    top_k: int = 40
    top_p: float = 0.75
    beams: int = 1

    @property
    def options(self) -> dict[str, object]:
        """As transformers' `generate` names them."""
        if self.temperature == 0:
            return {"do_sample": False, "num_beams": self.beams}
        chances = {"temperature": self.temperature, "top_k": self.top_k, "top_p": self.top_p}
        return {"do_sample": True, "num_beams": self.beams, **chances}


GREEDY = Sampling(temperature=0.0)
BEAMS = Sampling(temperature=0.0, beams=4)


class Answerer:
    """An exported directory in float32, with an adapter's directory on top if one is given."""

    def __init__(self, folder: Path, adapter: Path | None = None) -> None:
        vocabulary = ((adapter or folder) / "tokenizer.model").read_bytes()
        self._codec = Codec(vocabulary, added_token(adapter) if adapter else "")
        model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
        if adapter:
            model.resize_token_embeddings(len(self._codec), mean_resizing=False)
            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        self._model = model.eval()

    def answers(self, prompts: Sequence[str], sampling: Sampling, limit: int = 120) -> list[str]:
        """One text per prompt."""
        texts = [""] * len(prompts)
        encoded = [self._codec.prompt(prompt) for prompt in prompts]
        for indices in _of_one_length(encoded):  # no padding, so no mask
            ids = torch.tensor([encoded[i] for i in indices])
            with torch.no_grad():
                rows = self._model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    max_new_tokens=limit,
                    eos_token_id=EOS_ID,
                    pad_token_id=EOS_ID,
                    **sampling.options,
                )
            for index, row in zip(indices, rows[:, ids.shape[1] :].tolist(), strict=True):
                texts[index] = self._text(row)
        return texts

    def _text(self, row: list[int]) -> str:
        ended = EOS_ID in row
        text = self._codec.decode(row[: row.index(EOS_ID)] if ended else row)
        return text.lstrip() + ("" if ended else UNENDED)

    def embed(self, sentences: Sequence[str]) -> torch.Tensor:
        """(sentences, hidden size), each of length 1, as the embeddings route gives them."""
        rows = [self._codec.prompt(sentence) for sentence in sentences]
        with torch.no_grad():
            parts = [
                embedding.embeddings(self._model, rows[i : i + _ROWS])
                for i in range(0, len(rows), _ROWS)
            ]
        return torch.cat(parts)


def _of_one_length(encoded: Sequence[list[int]]) -> Iterator[list[int]]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, ids in enumerate(encoded):
        by_length[len(ids)].append(index)
    for indices in by_length.values():
        for start in range(0, len(indices), _ROWS):
            yield indices[start : start + _ROWS]
