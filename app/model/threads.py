"""Limits the spinning of OpenMP's threads at barriers.

Must run before torch is imported: OpenMP reads the environment once.
"""

from __future__ import annotations

import os

#: libgomp's workers spin while they wait for the next parallel region. Beside another busy process
#: they take the core that the slowest worker needs: a step took 170 ms instead of 2 (measured).
#: After a short spin they sleep, and regions that follow each other closely still start fast.
SPIN_COUNT = "100"


def limit_openmp_spin() -> None:
    """Set GOMP_SPINCOUNT, unless the operator has set OMP_WAIT_POLICY or GOMP_SPINCOUNT."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
