"""Builds llama.cpp: llama-server, llama-quantize, and our own llama-logprobs.

Knows nothing about where the sources come from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import amx

TARGETS = ("llama-server", "llama-quantize")
#: llama.cpp's names of CPU features, by those of /proc/cpuinfo.
GGML = {
    "avx": "AVX", "avx2": "AVX2", "fma": "FMA", "f16c": "F16C", "bmi2": "BMI2",
    "avx_vnni": "AVX_VNNI", "avx512f": "AVX512", "avx512vbmi": "AVX512_VBMI",
    "avx512_vnni": "AVX512_VNNI",
}  # fmt: skip
#: Of these, what a CPU with AVX2 but without AVX-512 has.
AVX2 = ("avx", "avx2", "fma", "f16c", "bmi2")
OPTIONS = (
    "CMAKE_BUILD_TYPE=Release", "BUILD_SHARED_LIBS=OFF", "LLAMA_BUILD_TESTS=OFF",
    "LLAMA_BUILD_EXAMPLES=OFF", "LLAMA_CURL=OFF",
)  # fmt: skip


def native_options() -> tuple[str, ...]:
    """For this very machine; named one by one where it announces AMX that does not work."""
    if amx.works() or not amx.announced():
        return ("GGML_NATIVE=ON",)
    return _options(Path("/proc/cpuinfo").read_text().split())


def avx2_options() -> tuple[str, ...]:
    """For a CPU with AVX2 and nothing newer."""
    return _options(AVX2)


def build(sources: Path, options: Sequence[str], bin_: Path) -> None:
    """Puts the programs into `bin_`.

    sources: contains llama.cpp, and `build`, where cmake works; other options there compile only
    what depends on them. cmake and ninja are in `bin` beside it. options: of cmake.

    Raises:
        subprocess.CalledProcessError: cmake or the compiler failed.
    """
    tools, work = sources.with_name("bin"), sources / "build"
    cpp = next(sources.glob("*/vendor/llama.cpp"))
    flags = (f"-D{each}" for each in (*options, *OPTIONS, f"CMAKE_MAKE_PROGRAM={tools / 'ninja'}"))
    _run(tools / "cmake", "-S", cpp, "-B", work, "-G", "Ninja", *flags)
    jobs = len(os.sched_getaffinity(0))
    _run(tools / "cmake", "--build", work, "--parallel", jobs, "--target", *TARGETS)
    bin_.mkdir(parents=True, exist_ok=True)
    for target in TARGETS:
        shutil.copy2(work / "bin" / target, bin_ / target)
    libraries = ("src/libllama.a", *(f"ggml/src/libggml{part}.a" for part in ("", "-cpu", "-base")))
    _run(
        "c++", "-O2", "-std=c++17", "-I", cpp / "include", "-I", cpp / "ggml/include",
        Path(__file__).with_name("llama_logprobs.cpp"), *(work / each for each in libraries),
        "-fopenmp", "-pthread", "-ldl", "-o", bin_ / "llama-logprobs",
    )  # fmt: skip


def _options(features: Sequence[str]) -> tuple[str, ...]:
    named = (f"GGML_{name}={'ON' if flag in features else 'OFF'}" for flag, name in GGML.items())
    return ("GGML_NATIVE=OFF", *named)


def _run(*command: object) -> None:
    subprocess.run([str(part) for part in command], check=True)
