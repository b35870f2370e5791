"""How the CPU threads of the matrix products wait for each other.

Knows nothing about torch, and must run before it is imported: its OpenMP reads this once.
"""

from __future__ import annotations

import os

#: OpenMP's workers spin while they wait for the next parallel region. Beside any other busy
#: process they then burn the very core that the slower worker needs: a step was measured to
#: take 170 ms instead of 2. A short spin keeps the fast hand-over, and then sleeps.
SPIN_COUNT = "100"


def limit_openmp_spin() -> None:
    """Limit the spin unless the operator has set a policy of his own."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
