"""Runs a list of kernels on all of torch's OpenMP threads, each kernel's end waited for by all.

Knows nothing about what the kernels compute. One call runs a whole list, so Python and its lock
are left once a step; torch's own threads do the work, so no second team fights over the cores.
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
        ("started", np.int64),  #: threads that took a number
        ("arrived", np.int64),  #: arrivals at the ends of stages, all threads and stages
        ("stages", np.int64),  #: address of _STAGE records
        ("count", np.int64),
        ("counters", np.int64),  #: address of one item counter per stage
        ("num_threads_fn", np.int64),  #: address of omp_get_num_threads
        ("yield_core", np.int64),  #: address of sched_yield
    ]
)
_stage_at, _program_at = pointer_to(from_dtype(_STAGE)), pointer_to(from_dtype(_PROGRAM))

#: Looks at the others' progress before the core is offered to another process: about 50 µs.
_SPINS_BEFORE_YIELD = 1000


class Stage(NamedTuple):
    """One kernel and the record it works on."""

    kernel: Any  #: a compiled kernel
    job: np.ndarray  #: one record; kept alive by whoever holds the stage


class NoSharedOpenMPError(Exception):
    """This torch does not run on an OpenMP that other code can use."""


class Program:
    """A fixed list of stages. Owned by one thread."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._kept_alive = stages
        self._stages = np.array(
            [(stage.kernel.address, stage.job.ctypes.data) for stage in stages], _STAGE
        )
        self._counters = np.zeros(len(stages), np.int64)
        openmp, libc = _openmp(), ctypes.CDLL(None)
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
        """Run all stages, on as many threads as torch uses now."""
        self._counters[:] = 0
        self._record["started"] = self._record["arrived"] = 0
        self._fork(*self._arguments, torch.get_num_threads(), 0)


@thread_main
def _run_stages(address):
    program = carray(_program_at(address), 1)[0]
    thread = fetch_add(address, 1)
    threads = call_int_fn(program.num_threads_fn)
    stages = carray(_stage_at(program.stages), program.count)
    for number in range(program.count):
        stage = stages[number]
        call_kernel(stage.kernel, stage.job, program.counters + 8 * number, thread, threads)
        fetch_add(address + 8, 1)
        spins = 0
        while load_acquire(address + 8) < (number + 1) * threads:
            spins += 1
            cpu_pause()
            if spins > _SPINS_BEFORE_YIELD:
                call_int_fn(program.yield_core)


@cache
def _openmp() -> ctypes.CDLL:
    """The very OpenMP library that torch has loaded.

    Raises:
        NoSharedOpenMPError: it is not GNU's.
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


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0
