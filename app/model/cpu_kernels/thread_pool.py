"""Runs a list of kernels on torch's OpenMP thread pool, with a barrier after each kernel.

One call runs the whole list, so the GIL is released once per step. torch's pool is used because
a second pool would compete for the same cores.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numba import carray, from_dtype

from app.model.cpu_kernels.intrinsics import (
    call_int_fn,
    call_kernel,
    cpu_pause,
    fetch_add,
    load_acquire,
    pointer_to,
)
from app.model.cpu_kernels.jit import thread_main

_STAGE = np.dtype([("kernel", np.int64), ("job", np.int64)])
_PROGRAM = np.dtype(
    [
        ("started", np.int64),  #: threads that have claimed an index
        ("arrived", np.int64),  #: arrivals at barriers, summed over all threads and stages
        ("stages", np.int64),  #: address of _STAGE records
        ("count", np.int64),
        ("counters", np.int64),  #: address of one work item counter per stage
        ("num_threads_fn", np.int64),  #: address of omp_get_num_threads
        ("yield_core", np.int64),  #: address of sched_yield
    ]
)
_stage_at, _program_at = pointer_to(from_dtype(_STAGE)), pointer_to(from_dtype(_PROGRAM))

#: Spins at a barrier before the thread calls sched_yield: about 50 µs.
_SPINS_BEFORE_YIELD = 1000


class KernelStage(NamedTuple):
    """A kernel and its job record."""

    kernel: Any  #: a compiled kernel, see jit.kernel
    job: np.ndarray  #: one record; kernels use its address, so the stage must be kept alive


class NoSharedOpenMPError(Exception):
    """torch does not use GNU OpenMP, so its thread pool cannot be shared."""


class Program:
    """A fixed list of stages. Used by one thread only."""

    def __init__(self, stages: Sequence[KernelStage]) -> None:
        self._kept_alive = stages  # the records below contain their addresses
        self._stages = np.array(
            [(stage.kernel.address, stage.job.ctypes.data) for stage in stages], _STAGE
        )
        self._counters = np.zeros(len(stages), np.int64)
        openmp, libc = _openmp(), _libc()
        self._fork = openmp.GOMP_parallel
        self._record = np.array(
            [
                (
                    0,
                    0,
                    self._stages.ctypes.data,
                    len(stages),
                    self._counters.ctypes.data,
                    _address(openmp.omp_get_num_threads),
                    _address(libc.sched_yield),
                )
            ],
            _PROGRAM,
        )
        self._arguments = (
            ctypes.c_void_p(_run_stages.address),
            ctypes.c_void_p(self._record.ctypes.data),
        )

    def run(self) -> None:
        """Run all stages in order, on torch.get_num_threads() threads."""
        self._counters[:] = 0
        self._record["started"] = self._record["arrived"] = 0
        self._fork(*self._arguments, torch.get_num_threads(), 0)


@thread_main
def _run_stages(address):
    """Every thread's part of a program. address: of its _PROGRAM record, which begins with the
    counters `started` and `arrived`."""
    program = carray(_program_at(address), 1)[0]
    thread = fetch_add(address, 1)
    threads = call_int_fn(program.num_threads_fn)
    stages = carray(_stage_at(program.stages), program.count)
    for index in range(program.count):
        stage = stages[index]
        call_kernel(stage.kernel, stage.job, program.counters + 8 * index, thread, threads)
        fetch_add(address + 8, 1)
        spins = 0
        while load_acquire(address + 8) < (index + 1) * threads:
            spins += 1
            cpu_pause()
            if spins > _SPINS_BEFORE_YIELD:
                call_int_fn(program.yield_core)


@cache
def _openmp() -> ctypes.CDLL:
    """The OpenMP library that torch has loaded.

    Raises:
        NoSharedOpenMPError: it is not GNU OpenMP (libgomp), or this is not Linux.
    """
    torch_directory = str(Path(torch.__file__).parent)
    try:
        maps = Path("/proc/self/maps").read_text().splitlines()
    except OSError:  # not Linux
        raise NoSharedOpenMPError from None
    paths = {line.split()[-1] for line in maps if "libgomp" in line}
    for path in sorted(paths, key=lambda path: not path.startswith(torch_directory)):
        return ctypes.CDLL(path)
    raise NoSharedOpenMPError


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
