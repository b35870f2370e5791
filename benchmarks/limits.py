"""What this machine can do at most: bytes read and multiplications a second.

Knows nothing about models. A limit is the best of several probes, because each of them may miss
it: a sum, a copy, torch's GEMM, and our own GEMM with one row and with 256. A benchmark that
prints a share of a limit measures the limit in the same run, before and after. A share over 100 %
means that the limit was not found, so it raises. The last line is one JSON document.

    python -m benchmarks.limits
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Literal

from app.model.threads import limit_openmp_spin

limit_openmp_spin()  # before torch

import numpy  # noqa: E402
import torch  # noqa: E402
from torch import Tensor  # noqa: E402

from app.model.cpu_backend import cpu_packer  # noqa: E402
from benchmarks.report import finish, table  # noqa: E402

#: Far larger than any L3 cache of two cores.
MATRIX = (32_768, 8_192)  #: [out, in]
SQUARE, ROWS = 4_096, 256
REPEATS = 7


class LimitExceededError(Exception):
    """Something was faster than the limit that was measured beside it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The results of probes by their names."""

    read: Mapping[str, float] = field(default_factory=dict)  #: bytes/s
    float_gemm: Mapping[str, float] = field(default_factory=dict)  #: operations/s, 2 a product
    int8_gemm: Mapping[str, float] = field(default_factory=dict)  #: operations/s

    def best(self, other: Limits) -> Limits:
        """Of each probe, the faster run."""
        return Limits(
            _faster(self.read, other.read),
            _faster(self.float_gemm, other.float_gemm),
            _faster(self.int8_gemm, other.int8_gemm),
        )

    def gemm_peak(self, quantized: bool) -> float:
        """Operations a second, the best of the probes. quantized: products of 8 bits, also where
        the weights have 4."""
        return max((self.int8_gemm if quantized else self.float_gemm).values())


def _faster(probes: Mapping[str, float], others: Mapping[str, float]) -> dict[str, float]:
    return {name: max(value, others[name]) for name, value in probes.items()}


def share(measured: float, limit: float, name: str) -> float:
    """measured / limit; raises LimitExceededError over 1."""
    if measured > limit:
        raise LimitExceededError(
            f"{measured:.4g}/s is {measured / limit:.1%} of the {name}, {limit:.4g}/s: the probes "
            "did not reach the limit, or something else ran beside them"
        )
    return measured / limit


def stored_bytes(bits: Literal[4, 8] | None) -> float:
    """Bytes of memory that a weight of a float16 checkpoint takes in the engine. bits: that it is
    rounded to."""
    weight = torch.zeros(256, 256, dtype=torch.float16)
    return cpu_packer(bits).pack(weight).nbytes / weight.numel()


def measure() -> Limits:
    """Run all probes: about 10 s, 2 GB. Nothing else may run on the machine."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with torch.inference_mode():
        read = _sums_and_copies()
        float_gemm, int8_gemm = _torch_gemms()
        for eight_bit, peaks in ((False, float_gemm), (True, int8_gemm)):
            name = "our panels, 8-bit" if eight_bit else "our panels, 16-bit"
            seconds, nbytes = _our_gemm(MATRIX, 1, eight_bit)
            read[name] = nbytes / seconds
            seconds, _ = _our_gemm((SQUARE, SQUARE), ROWS, eight_bit)
            peaks[name] = 2 * ROWS * SQUARE**2 / seconds
        return Limits(read, float_gemm, int8_gemm)


def _sums_and_copies() -> dict[str, float]:
    """Bytes read a second; a copy also writes, and both count."""
    source = torch.ones(MATRIX[0] * MATRIX[1] // 2)
    target, nbytes = torch.empty_like(source), source.nbytes
    parts = numpy.array_split(source.numpy(), torch.get_num_threads())
    with ThreadPoolExecutor(len(parts)) as pool:
        numpy_s = _best_s(lambda: list(pool.map(numpy.sum, parts)))
    return {
        "numpy sum": nbytes / numpy_s,
        "torch sum": nbytes / _best_s(source.sum),
        "torch copy": 2 * nbytes / _best_s(lambda: target.copy_(source)),
    }


def _torch_gemms() -> tuple[dict[str, float], dict[str, float]]:
    """torch's operations a second: in float32, and in 8 bits."""
    x, weight = torch.ones(ROWS, SQUARE), torch.ones(SQUARE, SQUARE)
    square = torch.ones(SQUARE // 2, SQUARE // 2)
    small, bytes_ = x.to(torch.int8), weight.to(torch.int8)
    operations = 2 * ROWS * SQUARE**2
    floats = {
        "torch, 256 rows": operations / _best_s(lambda: x @ weight.T),
        "torch, square": 2 * (SQUARE // 2) ** 3 / _best_s(lambda: square @ square),
    }
    return floats, {"torch, 256 rows": operations / _best_s(lambda: torch._int_mm(small, bytes_))}


def _our_gemm(shape: tuple[int, int], rows: int, eight_bit: bool) -> tuple[float, int]:
    """Seconds of one product, and the bytes of its weights. shape: [out, in]."""
    linear = cpu_packer(8 if eight_bit else None).pack(torch.full(shape, 0.01, dtype=torch.float16))
    x: Tensor = torch.ones(rows, shape[1])
    return _best_s(lambda: linear(x)), linear.nbytes


def _best_s(run: Callable[[], object]) -> float:
    """The shortest of several runs, in seconds, after one that warms up."""
    run()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    """Print a table and one JSON line."""
    argparse.ArgumentParser(description="What this machine can do at most.").parse_args()
    found = measure()
    kinds = (("read", found.read, "GB/s"), ("float GEMM", found.float_gemm, "GFLOP/s"),
             ("int8 GEMM", found.int8_gemm, "GOP/s"))  # fmt: skip
    rows = [
        [kind, name, f"{value / 1e9:.1f} {unit}"]
        for kind, probes, unit in kinds
        for name, value in probes.items()
    ]
    print(table(("limit", "probe", "best"), rows))
    finish("limits", asdict(found))


if __name__ == "__main__":
    main()
