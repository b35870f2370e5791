"""WSGI entry point with a kernel that is not batch-invariant; otherwise as `wsgi.py`."""

from __future__ import annotations

from typing import Any

import pytest

from app.checkpoint.hardware.cpu_features import missing_feature
from app.model.stages import StageName

if missing_feature():  # no compiled kernels: torch's operations are used
    from app.model import forward

    plain = forward.silu

    def silu(rows: Any) -> Any:
        """SwiGLU with different last bits if there are several rows."""
        return plain(rows) * (1 + 1e-6 * (len(rows) > 1))

    forward.silu = silu
else:
    from tests.model.cpu_kernels.batch_variant_decoder import disturb

    disturb(pytest.MonkeyPatch(), 0, StageName.SWIGLU)

from wsgi import app  # noqa: F401 - the kernel must be there before the model loads
