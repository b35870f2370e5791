"""The default thread count: affinity, cgroups of both versions, hyper-threads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.checkpoint.hardware.cpu_count import CpuCount, cpu_count


def machine(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    cpus: int,
    groups: str = "0::/\n",
    files: dict[str, str] | None = None,
    siblings: dict[int, str] | None = None,
    allowed: set[int] | None = None,
) -> CpuCount:
    """cpu_count() of a simulated machine. files: of its cgroups; siblings: of some CPUs."""
    written = {"proc/self/cgroup": groups}
    written |= {f"cg/{name}": text for name, text in (files or {}).items()}
    for cpu, text in (siblings or {}).items():
        written[f"cpu/cpu{cpu}/topology/thread_siblings_list"] = text
    for name, text in written.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    usable = allowed or set(range(cpus))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: usable, raising=False)
    return cpu_count(root / "proc", root / "cg", root / "cpu")


V2 = [
    ("no limit", {"cpu.max": "max 100000\n"}, None, 16),
    ("an integer", {"cpu.max": "200000 100000\n"}, 2.0, 2),
    ("rounded down", {"cpu.max": "765000 100000\n"}, 7.65, 7),
    ("less than one", {"cpu.max": "20000 100000\n"}, 0.2, 1),
    ("another period", {"cpu.max": "150000 50000\n"}, 3.0, 3),
    ("more than there is", {"cpu.max": "6400000 100000\n"}, 64.0, 16),
    ("garbled", {"cpu.max": "\n"}, None, 16),
    ("no period", {"cpu.max": "100000 0\n"}, None, 16),
    ("a parent's", {"a/cpu.max": "300000 100000\n", "a/b/cpu.max": "max 100000\n"}, 3.0, 3),
    ("the root's", {"cpu.max": "400000 100000\n", "a/b/cpu.max": "900000 100000"}, 4.0, 4),
    (
        "the process's group",
        {"cpu.max": "800000 100000\n", "a/b/cpu.max": "500000 100000\n"},
        5.0,
        5,
    ),
    ("another group", {"a/c/cpu.max": "100000 100000\n"}, None, 16),
]


@pytest.mark.parametrize(
    ("files", "quota", "threads"), [case[1:] for case in V2], ids=[case[0] for case in V2]
)
def test_version_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    quota: float | None,
    threads: int,
) -> None:
    count = machine(tmp_path, monkeypatch, 16, "0::/a/b\n", files)
    assert (count.quota, count.threads) == (quota, threads)


def v1(folder: str, quota: str, period: str = "100000") -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": quota, f"{folder}/cpu.cfs_period_us": period}


V1 = [
    ("no limit", v1("cpu/x", "-1\n"), None, 8),
    ("an integer", v1("cpu/x", "200000\n"), 2.0, 2),
    ("rounded down", v1("cpu/x", "190000\n"), 1.9, 1),
    ("under its long name", v1("cpu,cpuacct/x", "300000\n"), 3.0, 3),
    ("a parent's", v1("cpu", "100000", "25000") | v1("cpu/x", "-1"), 4.0, 4),
    ("another controller's", v1("memory/x", "100000"), None, 8),
    ("without a period", {"cpu/x/cpu.cfs_quota_us": "100000\n"}, None, 8),
]


@pytest.mark.parametrize(
    ("files", "quota", "threads"), [case[1:] for case in V1], ids=[case[0] for case in V1]
)
def test_version_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    quota: float | None,
    threads: int,
) -> None:
    groups = "9:memory:/x\n5:cpu,cpuacct:/x\n1:name=systemd:/x\n0::/\n"
    count = machine(tmp_path, monkeypatch, 8, groups, files)
    assert (count.quota, count.threads) == (quota, threads)


def test_both_versions_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = v1("cpu/x", "500000") | {"unified/y/cpu.max": "300000 100000"}
    count = machine(tmp_path, monkeypatch, 8, "5:cpu:/x\n0::/y\n", files)
    assert count.threads == 3


def test_a_path_of_the_host_inside_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = "0::/../../system.slice/docker-4f.scope\n"
    count = machine(tmp_path, monkeypatch, 8, groups, {"cpu.max": "250000 100000"})
    assert (count.quota, count.threads) == (2.5, 2)


def test_hyper_threads_share_a_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paired = {cpu: f"{cpu % 4},{cpu % 4 + 4}\n" for cpu in range(8)}
    assert machine(tmp_path, monkeypatch, 8, siblings=paired).threads == 4
    ranges = {cpu: f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}\n" for cpu in range(8)}
    assert machine(tmp_path, monkeypatch, 8, siblings=ranges).threads == 4


def test_only_cpus_we_may_use_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paired = {cpu: f"{cpu % 4},{cpu % 4 + 4}\n" for cpu in range(8)}
    count = machine(tmp_path, monkeypatch, 8, siblings=paired, allowed={0, 4, 5, 6})
    assert (count.allowed, count.physical) == (4, 3)
    assert machine(tmp_path, monkeypatch, 8, siblings=paired, allowed={7}).threads == 1


def test_a_machine_without_these_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 10)
    assert cpu_count(tmp_path / "a", tmp_path / "b", tmp_path / "c") == CpuCount(10, 10, None)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cpu_count(tmp_path / "a", tmp_path / "b", tmp_path / "c").threads == 1


def test_description() -> None:
    assert CpuCount(16, 16, 2.0).describe(None) == "threads=2 (of 16 CPUs, quota 2.0)"
    assert CpuCount(16, 8, None).describe(None) == "threads=8 (of 16 CPUs, 8 cores)"
    assert CpuCount(16, 8, 7.654).describe(None) == "threads=7 (of 16 CPUs, 8 cores, quota 7.65)"
    assert CpuCount(2, 2, 1.0).describe(4) == "threads=4 (of 2 CPUs, quota 1.0, --threads)"
