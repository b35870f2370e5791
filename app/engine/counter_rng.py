"""Counter-based random numbers: one uniform number for each (seed, choice, position).

Without state, the numbers of a request are the same whatever runs beside it, and after a
preemption.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1


def _splitmix64(value: int) -> int:
    """SplitMix64's finaliser (Steele, Lea, Flood, OOPSLA 2014): 64 bits in, 64 bits out."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def uniform(seed: int, choice: int, position: int) -> float:
    """A number in [0, 1) with 53 random bits."""
    state = _splitmix64(_splitmix64(seed & _MASK) ^ choice)
    return (_splitmix64(state ^ position) >> 11) * 2.0**-53
