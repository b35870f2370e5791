"""Detects the CPU's instruction set extensions, and which compiled kernels they suffice for.

They are read by LLVM with CPUID, not derived from the CPU's name, which virtual machines may fake.
Features in DISABLE_CPU_FEATURES are hidden from the selection of kernels, from their compiler and
from torch, for tests and for faulty machines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache

from app.checkpoint.errors import StartupError

#: Environment variable: features not to use, named as in /proc/cpuinfo or in LLVM.
DISABLE_VARIABLE = "DISABLE_CPU_FEATURES"

#: Features that every compiled kernel needs.
_MINIMUM = ("avx2", "fma", "f16c")
_AVX512 = (*_MINIMUM, "avx512f", "avx512bw", "avx512vl")
#: The instruction sets that there are kernels for, best first, and the features they need.
INSTRUCTION_SETS = {
    "AVX-512 VNNI": frozenset((*_AVX512, "avx512vnni")),
    "AVX-512": frozenset(_AVX512),
    "AVX-VNNI": frozenset((*_MINIMUM, "avxvnni")),
    "AVX2": frozenset(_MINIMUM),
}
#: The x86 baseline of numpy and torch; without it they crash with SIGILL.
_REQUIRED_BY_TORCH = ("ssse3", "sse4.1", "sse4.2", "popcnt")
#: Features that depend on a feature, as prefixes of their names.
_DEPENDENT_PREFIXES = {
    "avx": ("avx", "fma", "f16c", "vaes", "vpclmulqdq", "xop"),
    "avx2": ("avx512", "avx10", "avxvnni", "avxifma", "avxneconvert"),
    "avx512f": ("avx512", "avx10"),
}


@cache
def features() -> frozenset[str]:
    """The usable features of this CPU by LLVM's names; empty if LLVM is missing or does not know
    this kind of CPU.

    Raises:
        StartupError: DISABLE_CPU_FEATURES names a feature that this kind of CPU never has.
    """
    return frozenset(name for name, usable in _feature_table().items() if usable)


def check_cpu_features() -> None:
    """Raise StartupError if torch cannot run on this CPU, or if DISABLE_CPU_FEATURES names an
    unknown feature."""
    missing = [name.upper() for name in _REQUIRED_BY_TORCH if not _feature_table().get(name, True)]
    if missing:
        raise StartupError(
            f"this CPU has no {missing[0]}, which torch and numpy need; x86 has it since 2009"
        )


def instruction_set() -> str | None:
    """The best of INSTRUCTION_SETS that this CPU has; None if it has none."""
    return next((name for name, needed in INSTRUCTION_SETS.items() if needed <= features()), None)


def missing_feature() -> str | None:
    """The first feature that the compiled kernels need and this CPU lacks, as text; None if they
    can run."""
    return next((name.upper() for name in _MINIMUM if name not in features()), None)


def kernels() -> str:
    """The kernels selected by the CPU's features, as text."""
    if name := instruction_set():
        return f"{name} kernels"
    return f"torch (no compiled kernels: this CPU has no {missing_feature()})"


def llvm_features() -> str | None:
    """LLVM's target features, each with + or -; None leaves them to the compiler."""
    table = _feature_table()
    return ",".join(f"{'+' if table[name] else '-'}{name}" for name in sorted(table)) or None


def torch_environment() -> dict[str, str]:
    """Environment variables that disable the same features in torch's libraries."""
    if not _disabled(os.environ):
        return {}
    enabled = features()
    if "avx2" not in enabled:
        level = ("default", "AVX" if "avx" in enabled else "SSE41", "SSE4_2")
    elif "avx512f" not in enabled:
        level = ("avx2", "AVX2_VNNI" if "avxvnni" in enabled else "AVX2", "AVX2")
    elif "avx512vnni" not in enabled:
        level = ("avx512", "AVX512_CORE", "AVX512")
    else:
        return {}
    names = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
    return {**dict(zip(names, level, strict=True)), **_for_fbgemm(enabled)}


def _for_fbgemm(enabled: frozenset[str]) -> dict[str, str]:
    return {} if "avx512f" in enabled else {"FBGEMM_ENABLE_INSTRUCTIONS": "AVX2"}


@cache
def _feature_table() -> dict[str, bool]:
    """Each feature of this kind of CPU, and whether this one has it and it is not disabled."""
    table = _host_features()
    for name in _disabled(os.environ):
        if table and name not in table:
            raise StartupError(
                f"{DISABLE_VARIABLE} names {name!r}, which is not a feature of this kind of CPU: "
                "use LLVM's names, such as avx512vnni or avx2"
            )
        dependent = _DEPENDENT_PREFIXES.get(name, ())
        for other in table:
            if other == name or other.startswith(dependent):
                table[other] = False
    return table


def _host_features() -> dict[str, bool]:
    try:
        from llvmlite.binding import get_host_cpu_features  # 0.1 s, a library of 60 MB

        return dict(get_host_cpu_features())
    except (
        ImportError,
        OSError,
        RuntimeError,
    ):  # not built for this system, or LLVM cannot detect this CPU
        return {}


def _disabled(environ: Mapping[str, str]) -> list[str]:
    """The features in DISABLE_CPU_FEATURES, by LLVM's names."""
    names = re.split(r"[\s,]+", environ.get(DISABLE_VARIABLE, "").lower())
    return [name.replace("avx512_", "avx512").replace("avx_", "avx") for name in names if name]
