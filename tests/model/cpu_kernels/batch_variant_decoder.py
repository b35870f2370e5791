"""Plants a kernel in the compiled decoder that gives rows other bits in larger batches."""

from __future__ import annotations

import numpy as np
import pytest
from numba import carray, cfunc, from_dtype, types
from torch import Tensor

from app.model.cpu_kernels.decoder_stages import DecoderStages
from app.model.cpu_kernels.intrinsics import fetch_add, pointer, pointer_to
from app.model.cpu_kernels.thread_pool import KernelStage
from app.model.stages import StageName
from app.model.weights import LayerWeights

_JOB = np.dtype([(name, np.int64) for name in ("rows", "out", "stride", "width")])
_job_at = pointer_to(from_dtype(_JOB))


@cfunc(types.void(*[types.int64] * 4))
def _disturb(address, counter, thread, team):  # type: ignore[no-untyped-def]
    """Change the last bits of all results of steps with more than one row."""
    job = carray(_job_at(address), 1)[0]
    rows = carray(pointer(job.rows), 1, np.int64)[0]
    out = carray(pointer(job.out), (rows, job.stride), np.float32)
    # One thread must claim the work: any of them may be too late to enter this kernel.
    if fetch_add(counter, 1) == 0 and rows > 1:
        for row in range(rows):
            for column in range(job.width):
                out[row, column] *= np.float32(1.000001)


def disturb(patch: pytest.MonkeyPatch, layer: int, name: StageName) -> None:
    """Disturb this stage of one layer, in all decoders created from now on."""
    original = DecoderStages.layer

    def with_disturbance(
        self: DecoderStages, index: int, weights: LayerWeights
    ) -> list[tuple[StageName, KernelStage, Tensor]]:
        stages = original(self, index, weights)
        if index == layer:
            at = [each for each, _, _ in stages].index(name)
            out = stages[at][2]
            job = np.zeros(1, _JOB)
            job["rows"], job["out"] = self.buffers.step.ctypes.data, out.data_ptr()
            job["stride"], job["width"] = out.stride(0), out.shape[1]
            stages.insert(at + 1, (name, KernelStage(_disturb, job), out))
        return stages

    patch.setattr(DecoderStages, "layer", with_disturbance)
