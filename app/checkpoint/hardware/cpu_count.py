"""How many threads can compute at once here: what the scheduler, the control groups and the
CPU's own hyper-threads leave.

Knows nothing about models; reads /proc, /sys and the control groups' files.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from app.checkpoint.hardware.cgroups import control_groups


@dataclass(frozen=True, slots=True)
class Cores:
    """What bounds the threads of one process."""

    allowed: int  #: logical CPUs that the scheduler may give it
    physical: int  #: cores behind them: hyper-threads share one's arithmetic
    quota: float | None  #: CPUs' worth of time that its control groups grant; None: no bound

    @property
    def threads(self) -> int:
        """How many threads are worth starting, at least one. A part of a CPU is no thread: one
        that waits for its share would hold up all others at the end of every product."""
        most = min(self.allowed, self.physical)
        return max(1, most if self.quota is None else min(most, int(self.quota)))

    def told(self, threads: int | None) -> str:
        """`threads`, or what they would be by default, and where that comes from."""
        reasons = [f"of {self.allowed} CPUs"]
        if self.physical < self.allowed:
            reasons.append(f"{self.physical} cores")
        if self.quota is not None:
            reasons.append(f"quota {round(self.quota, 2)}")
        if threads is not None:
            reasons.append("--threads")
        return f"threads={threads or self.threads} ({', '.join(reasons)})"


def cores(
    proc: Path = Path("/proc"),
    cgroups: Path = Path("/sys/fs/cgroup"),
    cpus: Path = Path("/sys/devices/system/cpu"),
) -> Cores:
    """This machine's, for this process."""
    allowed = _allowed()
    return Cores(len(allowed), _physical(allowed, cpus), _quota(proc, cgroups))


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))  # macOS


def _physical(allowed: set[int], cpus: Path) -> int:
    """Groups of siblings among `allowed`; a CPU whose siblings are not told stands alone."""
    groups = set()
    for number in allowed:
        topology = cpus / f"cpu{number}" / "topology"
        siblings = _text(topology / "core_cpus_list") or _text(topology / "thread_siblings_list")
        groups.add(min(_numbers(siblings) & allowed, default=number))
    return len(groups)


def _numbers(text: str) -> set[int]:
    """A list as the kernel writes them: "0,4-6"."""
    found: set[int] = set()
    for first, last in re.findall(r"([0-9]+)(?:-([0-9]+))?", text):
        found.update(range(int(first), int(last or first) + 1))
    return found


def _quota(proc: Path, root: Path) -> float | None:
    """The least that any group of ours or above it grants, in CPUs."""
    found = [_granted(group, v2) for group, v2 in control_groups(proc, root, "cpu")]
    return min((quota for quota in found if quota is not None), default=None)


def _granted(group: Path, v2: bool) -> float | None:
    if v2:
        told = _text(group / "cpu.max")
    else:
        told = f"{_text(group / 'cpu.cfs_quota_us')} {_text(group / 'cpu.cfs_period_us')}"
    match = re.fullmatch(r"([0-9]+)\s+([0-9]+)", told.strip())  # not "max", nor v1's -1
    if match is None or not int(match[1]) or not int(match[2]):
        return None
    return int(match[1]) / int(match[2])


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""
