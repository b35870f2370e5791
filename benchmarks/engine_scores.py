"""Scores texts with this repository's engine, teacher-forced.

Knows nothing about other engines. The runner is called as the scheduler calls it for a prompt with
logprobs; sampling, requests and HTTP take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import torch  # noqa: E402

from app.engine.batch import Batch, OutputKind, PrefillChunk, Runner  # noqa: E402
from benchmarks.quality_inputs import Text  # noqa: E402
from benchmarks.token_scores import TokenScores  # noqa: E402
from tests.harness.without_tokenizer import load_without_tokenizer  # noqa: E402

CHUNKS = 16  #: of a prompt in a step


def score(
    directory: Path, texts: Sequence[Text], weight_bits: int | None
) -> dict[str, TokenScores]:
    """Each text's scores by its name; every sequence starts with an empty cache. weight_bits: 8,
    4, or None for full precision."""
    quantized = {f"LOAD_IN_{weight_bits}BIT": True} if weight_bits else {}
    runner = load_without_tokenizer(directory, **quantized).runner
    scored = {}
    for text in texts:
        logprobs: list[float] = []
        top_1: list[int] = []
        for sequence in text.sequences:
            values, likeliest = _sequence_scores(runner, sequence.ids)
            logprobs += values[sequence.first_scored - 1 :]
            top_1 += likeliest[sequence.first_scored - 1 :]
        scored[text.name] = TokenScores(tuple(logprobs), tuple(top_1))
    return scored


def _sequence_scores(runner: Runner, ids: Sequence[int]) -> tuple[list[float], list[int]]:
    """For each token but the first: its log-probability, and the likeliest id."""
    step = CHUNKS * runner.prefill_chunk_tokens
    logprobs: list[float] = []
    top_1: list[int] = []
    for first in range(0, len(ids), step):
        chunks = tuple(
            PrefillChunk(
                0,
                start,
                tuple(ids[start : min(start + runner.prefill_chunk_tokens, len(ids))]),
                OutputKind.NONE,
                tuple(ids[start + 1 : start + 1 + runner.prefill_chunk_tokens]),
            )
            for start in range(first, min(first + step, len(ids)), runner.prefill_chunk_tokens)
        )
        scored = iter(runner.run(Batch((), chunks)).target_logits)
        for chunk in chunks:
            if chunk.logprob_targets:
                logits: torch.Tensor = next(scored).double()
                targets = torch.tensor(chunk.logprob_targets)
                found = logits.log_softmax(-1).gather(-1, targets[:, None])
                logprobs += found.squeeze(-1).tolist()
                top_1 += logits.argmax(-1).tolist()
    runner.release(0)
    return logprobs, top_1
