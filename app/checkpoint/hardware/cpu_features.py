"""What this CPU can do, and which of our kernels that is enough for.

Knows nothing about torch or numba; asks LLVM, which asks the CPU. Never its name: a virtual
machine may call itself what it is not. What DISABLE_CPU_FEATURES names is hidden from the choice
of kernels, from their compiler and from torch alike, for tests and for a faulty machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache

from app.checkpoint.errors import StartupError

#: Environment variable: features that are not to be used, as in /proc/cpuinfo or in LLVM.
SWITCH = "DISABLE_CPU_FEATURES"

#: What the compiled kernels need. Those of 8 bits come on top of the others.
FLOATS = ("avx2", "fma", "f16c")
BYTES = (*FLOATS, "avx512f", "avx512vnni")
#: What numpy and torch are built for on x86; without it they end the process.
_FLOOR = ("ssse3", "sse4.1", "sse4.2", "popcnt")
_WORDS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx512f": "AVX-512",
    "avx512vnni": "AVX-512 VNNI",
}
#: Without the one there are none of the others, whose names begin so.
_CARRIES = {
    "avx": ("avx", "fma", "f16c", "vaes", "vpclmulqdq", "xop"),
    "avx2": ("avx512", "avx10", "avxvnni", "avxifma", "avxneconvert"),
    "avx512f": ("avx512", "avx10"),
}


@cache
def features() -> frozenset[str]:
    """The names LLVM gives to what this CPU has and may use; empty where LLVM is missing or
    does not know this kind of CPU.

    Raises:
        StartupError: DISABLE_CPU_FEATURES names what no such CPU has.
    """
    return frozenset(name for name, usable in _usable().items() if usable)


def check_processor() -> None:
    """Raises StartupError when torch itself cannot run here, or when DISABLE_CPU_FEATURES names
    what no such CPU has."""
    missing = [name.upper() for name in _FLOOR if not _usable().get(name, True)]
    if missing:
        raise StartupError(
            f"this CPU has no {missing[0]}, which torch and numpy need; x86 has it since 2009"
        )


def lacking(eight_bit: bool) -> str | None:
    """In words, the first feature that compiled kernels need and this CPU has not; None if they
    can run."""
    missing = [name for name in (BYTES if eight_bit else FLOATS) if name not in features()]
    return _WORDS[missing[0]] if missing else None


def kernels(eight_bit: bool) -> str:
    """In words, what computes a model on this CPU, as far as the CPU decides it."""
    if missing := lacking(eight_bit):
        kind = "compiled 8-bit kernels" if eight_bit else "compiled kernels"
        return f"torch (no {kind}: this CPU has no {missing})"
    if eight_bit:
        return "AVX-512 VNNI kernels"
    return "AVX-512 kernels" if "avx512f" in features() else "AVX2 kernels"


def for_compiler() -> str | None:
    """All features with + or -, as LLVM wants them; None leaves the choice to the compiler."""
    found = _usable()
    return ",".join(f"{'+' if found[name] else '-'}{name}" for name in sorted(found)) or None


def for_torch() -> dict[str, str]:
    """Environment variables that hide from torch's libraries what the switch hides."""
    if not _disabled(os.environ):
        return {}
    found = features()
    if "avx2" not in found:
        level = ("default", "AVX" if "avx" in found else "SSE41", "SSE4_2")
    elif "avx512f" not in found:
        level = ("avx2", "AVX2_VNNI" if "avxvnni" in found else "AVX2", "AVX2")
    elif "avx512vnni" not in found:
        level = ("avx512", "AVX512_CORE", "AVX512")
    else:
        return {}
    names = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
    return {**dict(zip(names, level, strict=True)), **_for_fbgemm(found)}


def _for_fbgemm(found: frozenset[str]) -> dict[str, str]:
    return {} if "avx512f" in found else {"FBGEMM_ENABLE_INSTRUCTIONS": "AVX2"}


@cache
def _usable() -> dict[str, bool]:
    """Each feature such a CPU might have, and whether it is there and not disabled."""
    found = _host()
    for name in _disabled(os.environ):
        if found and name not in found:
            raise StartupError(
                f"{SWITCH} names {name!r}, which is no feature of this kind of CPU: use LLVM's "
                "names, such as avx512vnni or avx2"
            )
        begin = _CARRIES.get(name, ())
        for other in found:
            if other == name or other.startswith(begin):
                found[other] = False
    return found


def _host() -> dict[str, bool]:
    try:
        from llvmlite.binding import get_host_cpu_features  # 0.1 s, a library of 60 MB

        return dict(get_host_cpu_features())
    except (ImportError, OSError, RuntimeError):  # not for this system; a CPU LLVM cannot read
        return {}


def _disabled(environ: Mapping[str, str]) -> list[str]:
    """Names as LLVM writes them, from the switch."""
    names = re.split(r"[\s,]+", environ.get(SWITCH, "").lower())
    return [name.replace("avx512_", "avx512").replace("avx_", "avx") for name in names if name]
