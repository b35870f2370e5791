"""Runs a list of kernels on torch's OpenMP thread pool, one after the other.

One call runs the whole list, so the GIL is released once per step. torch's pool is used because
a second pool would compete for the same cores. A kernel has ended when every thread that entered
it has left: threads that still sleep are not waited for, they join at the kernel that runs when
they wake. Waking one can take a tenth of a step.
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
    compare_exchange,
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
        ("current", np.int64),  #: index of the stage that runs
        ("stages", np.int64),  #: address of _STAGE records
        ("count", np.int64),
        ("counters", np.int64),  #: address of one work item counter per stage
        ("active", np.int64),  #: address of one counter per stage: threads inside its kernel
        ("num_threads_fn", np.int64),  #: address of omp_get_num_threads
        ("yield_core", np.int64),  #: address of sched_yield
    ]
)
_stage_at, _program_at = pointer_to(from_dtype(_STAGE)), pointer_to(from_dtype(_PROGRAM))

#: Spins while others finish a stage, before the thread calls sched_yield: about 50 µs.
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
        self._counters = np.zeros((2, len(stages)), np.int64)
        openmp, libc = _openmp(), _libc()
        self._fork = openmp.GOMP_parallel
        self._record = np.array(
            [
                (
                    0,
                    0,
                    self._stages.ctypes.data,
                    len(stages),
                    self._counters[0].ctypes.data,
                    self._counters[1].ctypes.data,
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
        self._record["started"] = self._record["current"] = 0
        self._fork(*self._arguments, torch.get_num_threads(), 0)


@thread_main
def _run_stages(address):
    """Every thread's part of a program. address: of its _PROGRAM record, which begins with the
    counters `started` and `current`.

    A kernel returns when all its work items are claimed, so a stage has ended when no thread is
    inside it any more. A thread that enters it after that finds nothing to claim.
    """
    program = carray(_program_at(address), 1)[0]
    thread = fetch_add(address, 1)
    threads = call_int_fn(program.num_threads_fn)
    stages = carray(_stage_at(program.stages), program.count)
    current = address + 8
    index = load_acquire(current)
    while index < program.count:
        stage, active = stages[index], program.active + 8 * index
        fetch_add(active, 1)
        call_kernel(stage.kernel, stage.job, program.counters + 8 * index, thread, threads)
        fetch_add(active, -1)
        spins = 0
        while load_acquire(active) and load_acquire(current) == index:
            spins += 1
            cpu_pause()
            if spins > _SPINS_BEFORE_YIELD:
                call_int_fn(program.yield_core)
        compare_exchange(current, index, index + 1)
        index = load_acquire(current)


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
