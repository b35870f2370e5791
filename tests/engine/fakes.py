"""A runner that counts instead of computing, and a sampler for it, without torch.

The runner checks what a real cache would not report: every position is written in order, before it
is read, and slots are released.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from app.engine.batch import Batch, OutputKind, SampledToken, SamplingInput, StepResult
from app.engine.beam_search import BeamCandidate
from app.engine.loaded_model import LoadedModel
from app.engine.model_info import ModelInfo
from tests.id_tokenizer import IdTokenizer

VOCAB = 1000
CHUNK = 16  #: tokens of a prefill chunk, as the real runner's
EOS = 2


class CountingRunner:
    """The next token is the sum of all tokens before it, modulo the vocabulary."""

    bytes_per_token = 64
    prefill_chunk_tokens = CHUNK

    def __init__(self, slots: int = 8, positions: int = 512, row_invariant: bool = False) -> None:
        self.slots, self.positions, self.row_invariant = slots, positions, row_invariant
        self.cache: dict[int, list[int]] = {}
        self.batches: list[Batch] = []
        self.on_step: Callable[[Batch], None] = lambda batch: None

    def run(self, batch: Batch) -> StepResult:
        self.batches.append(batch)
        self.on_step(batch)
        assert [row.slot for row in batch.decode_rows] == sorted(
            {row.slot for row in batch.decode_rows}
        )
        logits: list[Any] = []
        pooled: list[Any] = []
        for row in batch.decode_rows:
            self._write(row.slot, row.position, (row.token,))
            if row.needs_logits:
                logits.append(self.cache[row.slot])
        for chunk in batch.prefill_chunks:
            on_grid = chunk.start % CHUNK == 0 and len(chunk.tokens) <= CHUNK
            assert on_grid or (self.row_invariant and chunk.output is not OutputKind.POOLED)
            self._write(chunk.slot, chunk.start, chunk.tokens)
            if chunk.output is OutputKind.LOGITS:
                logits.append(self.cache[chunk.slot])
            if chunk.output is OutputKind.POOLED:
                pooled.append(float(sum(chunk.tokens)))
        numbers = np.array([sum(tokens) % VOCAB for tokens in logits])
        return StepResult(numbers, tuple(pooled))

    def release(self, slot: int) -> None:
        self.cache.pop(slot, None)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        cached = self.cache.setdefault(target, [])
        assert start <= len(cached) and end <= len(self.cache[source])
        cached[start:] = self.cache[source][start:end]

    def _write(self, slot: int, position: int, tokens: tuple[int, ...]) -> None:
        cached = self.cache.setdefault(slot, [])
        assert len(cached) >= position, f"slot {slot} has {len(cached)} tokens, not {position}"
        del cached[position:]  # after a reused prefix: tokens of an earlier sequence
        cached += tokens
        assert len(cached) <= self.positions


class FollowingSampler:
    """Returns the runner's number as the token, but never EOS."""

    def __init__(self) -> None:
        self.broken: Callable[[SamplingInput], bool] = lambda sampling: False

    def sample(self, logits: Any, inputs: list[SamplingInput]) -> list[SampledToken]:
        assert len(logits) == len(inputs)
        return [
            SampledToken(-1 if self.broken(sampling) else max(int(value), EOS + 1))
            for value, sampling in zip(logits, inputs, strict=True)
        ]

    def beam_step(
        self,
        logits: Any,
        inputs: list[SamplingInput],
        scores: list[float],
        count: int,
        min_tokens_to_keep: int,
    ) -> list[BeamCandidate]:
        """The runner's number and those after it, each a little worse, so that beams branch."""
        candidates = [
            BeamCandidate(score - place, beam, EOS + 1 + (int(value) + place) % (VOCAB - EOS - 1))
            for beam, (value, score) in enumerate(zip(logits, scores, strict=True))
            for place in range(min_tokens_to_keep)
        ]
        return sorted(candidates, key=lambda each: -each.score)[:count]


def fake_model(
    runner: CountingRunner,
    sampler: FollowingSampler | None = None,
    kv_cache_tokens: int = 10_000,
    prefix_reuse: bool = False,
) -> LoadedModel:
    return LoadedModel(
        runner=runner,
        sampler=sampler or FollowingSampler(),
        tokenizer=IdTokenizer(VOCAB, (EOS,)),
        eos_ids=frozenset((EOS,)),
        kv_cache_tokens=kv_cache_tokens,
        info=ModelInfo(max_model_len=runner.positions, hidden_size=1, vocab_size=VOCAB),
        prefix_reuse=prefix_reuse,
    )


def expected(prompt: tuple[int, ...], count: int) -> list[int]:
    """The answer of CountingRunner and FollowingSampler, computed directly."""
    tokens = list(prompt)
    for _ in range(count):
        tokens.append(max(sum(tokens) % VOCAB, EOS + 1))
    return tokens[len(prompt) :]
