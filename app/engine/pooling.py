"""Mean pooling of hidden states to an embedding."""

from __future__ import annotations

from typing import Any

import numpy as np


def mean_pooled_embedding(pooled: Any, count: int) -> bytes:
    """The mean of `count` hidden states, scaled to length 1, as little-endian float32.

    pooled: their sum, readable by numpy as float64 [hidden].
    """
    mean = np.asarray(pooled, dtype=np.float64) / count
    length = float(np.linalg.norm(mean))
    return (mean / length if length else mean).astype("<f4").tobytes()
