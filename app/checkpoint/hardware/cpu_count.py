"""Counts the CPUs that this process may use: CPU affinity, physical cores and cgroup quota."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.hardware.cgroups import control_groups


@dataclass(frozen=True, slots=True)
class CpuCount:
    """The limits on the threads of this process."""

    allowed: int  #: logical CPUs by affinity (sched_getaffinity)
    physical: int  #: physical cores of these: hyper-threads share one core's vector units
    quota: float | None  #: CPU quota of its cgroups, in CPUs; None: unlimited

    @property
    def threads(self) -> int:
        """The default number of compute threads, at least one. A fractional quota is rounded down:
        a throttled thread would delay all others at every barrier."""
        cpus = min(self.allowed, self.physical)
        return max(1, cpus if self.quota is None else min(cpus, int(self.quota)))

    def describe(self, threads: int | None) -> str:
        """The thread count as text, `threads` or the default, and the limits behind it."""
        reasons = [f"of {self.allowed} CPUs"]
        if self.physical < self.allowed:
            reasons.append(f"{self.physical} cores")
        if self.quota is not None:
            reasons.append(f"quota {round(self.quota, 2)}")
        if threads is not None:
            reasons.append("--threads")
        return f"threads={threads or self.threads} ({', '.join(reasons)})"


def cpu_count(
    proc: Path = Path("/proc"),
    cgroups: Path = Path("/sys/fs/cgroup"),
    cpus: Path = Path("/sys/devices/system/cpu"),
) -> CpuCount:
    """The limits on this process. proc, cgroups, cpus: paths of the kernel's file systems."""
    allowed = _allowed()
    return CpuCount(len(allowed), _physical(allowed, cpus), _quota(proc, cgroups))


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))  # macOS


def _physical(allowed: set[int], cpus: Path) -> int:
    """How many physical cores `allowed` has; a CPU without topology files counts as a core."""
    groups = set()
    for cpu in allowed:
        topology = cpus / f"cpu{cpu}" / "topology"
        siblings = _text(topology / "core_cpus_list") or _text(topology / "thread_siblings_list")
        groups.add(min(_numbers(siblings) & allowed, default=cpu))
    return len(groups)


def _numbers(text: str) -> set[int]:
    """Parse the kernel's CPU list format: "0,4-6"."""
    cpus: set[int] = set()
    for first, last in re.findall(r"([0-9]+)(?:-([0-9]+))?", text):
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def _quota(proc: Path, root: Path) -> float | None:
    """The smallest quota of this process's cgroups and their ancestors, in CPUs."""
    quotas = [_group_quota(group, v2) for group, v2 in control_groups(proc, root, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def _group_quota(group: Path, v2: bool) -> float | None:
    if v2:
        text = _text(group / "cpu.max")
    else:
        text = f"{_text(group / 'cpu.cfs_quota_us')} {_text(group / 'cpu.cfs_period_us')}"
    match = re.fullmatch(r"([0-9]+)\s+([0-9]+)", text.strip())  # not "max", nor v1's -1
    if match is None or not int(match[1]) or not int(match[2]):
        return None
    return int(match[1]) / int(match[2])


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
