"""What 8 and 4 bits may cost, and whether they cost more.

Knows nothing about how it is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.token_scores import Summary


@dataclass(frozen=True, slots=True)
class Limits:
    """Losses of perplexity as shares: 0.007 is 0.7 %."""

    mean_loss: float
    worst_loss: float | None = None  #: of a single text
    top_1: float | None = None
    #: Of llama.cpp's own mean loss in Q8_0; `q8_0_floor` where that is more.
    times_q8_0: float | None = None
    q8_0_floor: float = 0.003


REAL_MODEL = Limits(mean_loss=0.007, worst_loss=0.015, top_1=0.95, times_q8_0=1.2)
EMBEDDED_MODEL = Limits(mean_loss=0.003)


def exceeded(limits: Limits, ours: Summary, q8_0: Summary | None) -> list[str]:
    """The limits that are broken, as text; none if all are kept. q8_0: None where llama.cpp was
    not measured, which leaves that limit out."""
    broken = []
    if ours.mean_loss > limits.mean_loss:
        broken.append(f"mean loss {ours.mean_loss:+.2%}, limit {limits.mean_loss:+.2%}")
    if limits.worst_loss is not None and ours.worst_loss > limits.worst_loss:
        broken.append(f"worst loss {ours.worst_loss:+.2%}, limit {limits.worst_loss:+.2%}")
    if limits.top_1 is not None and ours.top_1 < limits.top_1:
        broken.append(f"top-1 agreement {ours.top_1:.3f}, limit {limits.top_1:.3f}")
    if limits.times_q8_0 is not None and q8_0 is not None:
        most = max(limits.times_q8_0 * q8_0.mean_loss, limits.q8_0_floor)
        if ours.mean_loss > most:
            broken.append(
                f"mean loss {ours.mean_loss:+.2%}, limit beside Q8_0's {q8_0.mean_loss:+.2%} "
                f"{most:+.2%}"
            )
    return broken


def exceeded_in_4_bits(ours: Summary, peers: Mapping[str, Summary]) -> list[str]:
    """The losses of others in about as many bits that ours is larger than, as text."""
    return [
        f"mean loss {ours.mean_loss:+.2%} in 4 bits, limit {peer.mean_loss:+.2%} ({name})"
        for name, peer in peers.items()
        if ours.mean_loss > peer.mean_loss
    ]
