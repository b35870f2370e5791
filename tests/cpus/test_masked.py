"""This machine with some of its CPU's features disabled: for us, for the compiler, for torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cpus.conftest import PROMPTS, TOKENS
from tests.cpus.machines import Answers, Report, agree, answers

#: torch, in place of compiled kernels, rounds otherwise: in 8 bits to another integer at times.
#: The embedded model in 4 bits is another one than in full precision.
CLEAR = {"full": 1e-3, "8-bit": 1.0, "4-bit": 4.0}

#: What is disabled, the precision, what computes, and the level torch is held to.
MACHINES = [
    ("avx512vnni", "8-bit", "AVX-512 kernels", ""),
    ("avx512f avxvnni", "8-bit", "AVX2 kernels", "AVX2"),
    ("avx2", "full", "torch (no compiled kernels: this CPU has no AVX2)", "DEFAULT"),
]
MORE = [
    ("avx512f avxvnni", "full", "AVX2 kernels", "AVX2"),
    ("avx512vnni", "full", "AVX-512 kernels", ""),
    ("avx512f avxvnni", "4-bit", "AVX2 kernels", "AVX2"),
    ("avx512vnni", "4-bit", "AVX-512 kernels", ""),
    ("avx2", "8-bit", "torch (no compiled kernels: this CPU has no AVX2)", "DEFAULT"),
    ("avx", "full", "torch (no compiled kernels: this CPU has no AVX2)", "DEFAULT"),
    ("f16c", "full", "torch (no compiled kernels: this CPU has no F16C)", ""),
    ("fma", "8-bit", "torch (no compiled kernels: this CPU has no FMA)", ""),
]


def check(
    here: Answers, folder: Path, disabled: str, precision: str, **environ: str
) -> tuple[Report, set[str]]:
    """A start, its answers against `here`, and the files of machine code it left."""
    environ |= {"DISABLE_CPU_FEATURES": disabled, "NUMBA_CACHE_DIR": str(folder)}
    found = answers(precision, PROMPTS, TOKENS, here, **environ)
    agree(here, found.answers, CLEAR[precision])
    assert found.batch_invariant
    assert not found.features & set(disabled.split())
    assert all(seen == found.features for seen in found.self_tests)
    if "avx512f" in disabled:
        found.saw_no_avx512()
    assert len(found.log.splitlines()) == ("torch" in found.kernels), found.log
    return found, {str(path) for path in folder.rglob("*.nb?")}


@pytest.mark.parametrize(
    ("disabled", "precision", "kernels", "torch"),
    [*MACHINES, *(pytest.param(*more, marks=pytest.mark.figures) for more in MORE)],
)
def test_it_starts_and_answers(
    here: Answers,
    compiled: Callable[[str], Answers],
    tmp_path: Path,
    disabled: str,
    precision: str,
    kernels: str,
    torch: str,
) -> None:
    found, files = check(here, tmp_path, disabled, precision)
    assert found.kernels == kernels
    if "torch" not in kernels:
        assert found.answers == compiled(precision), "other bits than with this machine's kernels"
    assert f", {kernels}, threads=1 (" in found.description
    assert torch in ("", found.torch)
    if "torch" in kernels:
        assert "compiled kernels are not used (this CPU has no " in found.log
        assert not files, "something was compiled"
        assert not found.self_tests
    else:
        assert len(found.self_tests) == 1
        again, kept = check(here, tmp_path, disabled, precision)
        assert not again.self_tests, "a passed self-test is recorded"
        assert kept == files, "a second start compiles nothing"


@pytest.mark.figures
def test_the_compilers_name_for_the_cpu_decides_nothing(here: Answers, tmp_path: Path) -> None:
    names = {"NUMBA_CPU_NAME": "alderlake", "ONEDNN_MAX_CPU_ISA": "AVX2_VNNI"}
    found, _ = check(here, tmp_path, "avx512f avxvnni", "full", **names)
    assert found.kernels == "AVX2 kernels"
    names = {"NUMBA_CPU_NAME": "haswell"}
    found, _ = check(here, tmp_path, "avx512vnni", "full", **names)
    assert found.kernels == "AVX-512 kernels"
