"""The kernels for a CPU's features, without those that are disabled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.checkpoint.errors import StartupError
from app.checkpoint.hardware import cpu_features

#: LLVM's names of some features of x86 CPUs.
NAMES = ["sse4.2", "avx", "avx2", "fma", "f16c", "avxvnni", "vaes", "aes"]
NAMES += ["avx512f", "avx512bw", "avx512vl", "avx512vnni", "avx10.1"]
ZEN_2 = {"sse4.2", "avx", "avx2", "fma", "f16c", "aes"}
ALDER_LAKE = ZEN_2 | {"avxvnni", "vaes"}
SKYLAKE_X = ZEN_2 | {"avx512f", "avx512bw", "avx512vl"}
ZEN_4 = SKYLAKE_X | {"avx512vnni", "vaes"}


@pytest.fixture(autouse=True)
def reset_caches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(cpu_features.DISABLE_VARIABLE, raising=False)

    def clear() -> None:
        cpu_features.features.cache_clear()
        cpu_features._feature_table.cache_clear()

    clear()
    yield
    clear()


def cpu(monkeypatch: pytest.MonkeyPatch, has: set[str], disabled: str = "") -> None:
    """Simulate a CPU with these features."""
    monkeypatch.setattr(
        cpu_features, "_host_features", lambda: {name: name in has for name in NAMES}
    )
    monkeypatch.setenv(cpu_features.DISABLE_VARIABLE, disabled)
    cpu_features.features.cache_clear()
    cpu_features._feature_table.cache_clear()


CHOICES = [
    (ZEN_4, "AVX-512 VNNI kernels"),
    (ZEN_4 | ALDER_LAKE, "AVX-512 VNNI kernels"),
    (SKYLAKE_X, "AVX-512 kernels"),
    (SKYLAKE_X - {"avx512bw"}, "AVX2 kernels"),
    (ALDER_LAKE, "AVX-VNNI kernels"),
    (ZEN_2, "AVX2 kernels"),
    (ZEN_2 - {"fma"}, "torch (no compiled kernels: this CPU has no FMA)"),
    (ZEN_2 - {"f16c"}, "torch (no compiled kernels: this CPU has no F16C)"),
    ({"sse4.2", "avx"}, "torch (no compiled kernels: this CPU has no AVX2)"),
    (ZEN_4 - {"avx512f", "avx512bw", "avx512vl", "avx512vnni"}, "AVX2 kernels"),
]


@pytest.mark.parametrize(("has", "kernels"), CHOICES)
def test_features_decide(monkeypatch: pytest.MonkeyPatch, has: set[str], kernels: str) -> None:
    cpu(monkeypatch, has)
    assert cpu_features.kernels() == kernels
    assert kernels.startswith("torch") == (cpu_features.missing_feature() is not None)


def test_a_disabled_feature_disables_those_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, ZEN_4, "avx512vnni")
    assert cpu_features.features() == ZEN_4 - {"avx512vnni"}
    cpu(monkeypatch, ZEN_4, "avx512f")
    assert cpu_features.features() == ZEN_2 | {"vaes"}
    cpu(monkeypatch, ALDER_LAKE, "AVX2")
    assert cpu_features.features() == ALDER_LAKE - {"avx2", "avxvnni"}
    cpu(monkeypatch, ZEN_4, "avx")
    assert cpu_features.features() == {"sse4.2", "aes"}
    cpu(monkeypatch, ZEN_4, "avx512_vnni, aes")
    assert cpu_features.features() == ZEN_4 - {"avx512vnni", "aes"}


def test_llvm_gets_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, ZEN_4, "avx512f")
    flags = (cpu_features.llvm_features() or "").split(",")
    assert {flag[1:] for flag in flags if flag[0] == "+"} == cpu_features.features()
    assert {flag[1:] for flag in flags} == set(NAMES)


def test_torch_gets_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    def levels(has: set[str], disabled: str) -> tuple[str | None, str | None]:
        cpu(monkeypatch, has, disabled)
        environment = cpu_features.torch_environment()
        return environment.get("ATEN_CPU_CAPABILITY"), environment.get("ONEDNN_MAX_CPU_ISA")

    assert levels(ZEN_4, "") == (None, None)
    assert levels(ZEN_4, "avx512vnni") == ("avx512", "AVX512_CORE")
    assert levels(ZEN_4, "avx512f") == ("avx2", "AVX2")
    assert levels(ALDER_LAKE | ZEN_4, "avx512f") == ("avx2", "AVX2_VNNI")
    assert levels(ZEN_2, "avx2") == ("default", "AVX")
    assert levels(ZEN_2, "avx") == ("default", "SSE41")


def test_a_misspelt_feature_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu(monkeypatch, ZEN_4, "avx512vnni,avx521f")
    with pytest.raises(StartupError, match="DISABLE_CPU_FEATURES names 'avx521f'"):
        cpu_features.features()


@pytest.mark.parametrize("missing", ["ssse3", "sse4.1", "sse4.2", "popcnt"])
def test_cpus_below_torchs_minimum(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    floor = {"ssse3", "sse4.1", "sse4.2", "popcnt"}
    monkeypatch.setattr(
        cpu_features, "_host_features", lambda: {name: name != missing for name in floor}
    )
    with pytest.raises(StartupError, match=f"this CPU has no {missing.upper()}, which torch"):
        cpu_features.check_cpu_features()
    cpu_features._feature_table.cache_clear()
    monkeypatch.setattr(cpu_features, "_host_features", lambda: {"neon": True})
    cpu_features.check_cpu_features()  # not x86: not checked


def test_an_unknown_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu_features, "_host_features", dict)
    monkeypatch.setenv(cpu_features.DISABLE_VARIABLE, "avx2")
    assert "this CPU has no AVX2" in cpu_features.kernels()
    assert cpu_features.llvm_features() is None


def test_this_machines_features_are_read() -> None:
    assert "64bit" in cpu_features.features() or "neon" in cpu_features.features()
