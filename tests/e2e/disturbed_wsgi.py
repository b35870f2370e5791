"""gunicorn's entry for a server with a kernel that depends on the number of rows.

Knows nothing about requests: all but that kernel is what `wsgi.py` serves.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.checkpoint.hardware.cpu_features import missing_feature
from app.model.stages import StageName

if missing_feature(eight_bit=False):  # no compiled kernels: torch's operations serve
    from app.model import forward

    plain = forward.silu

    def silu(rows: Any) -> Any:
        """SwiGLU's, with other last bits where there are several rows."""
        return plain(rows) * (1 + 1e-6 * (len(rows) > 1))

    forward.silu = silu
else:
    from tests.model.cpu_kernels.batch_variant_decoder import disturb

    disturb(pytest.MonkeyPatch(), 0, StageName.SWIGLU)

from wsgi import app  # noqa: F401 - the kernel must be there before the model loads
