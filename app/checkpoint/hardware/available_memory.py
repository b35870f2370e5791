"""Reads how much memory a process may still use: /proc/meminfo and cgroup limits."""

from __future__ import annotations

import os
from pathlib import Path

from app.checkpoint.hardware.cgroups import control_groups

#: cgroup v1 writes "no limit" as a number near 2**63.
_NO_LIMIT = 2**60


def available_bytes(
    proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Bytes that a new process may use: the minimum of the machine's free memory and its cgroups'
    limits; None if neither can be read."""
    limits = [_machine_bytes(proc), *_cgroup_bytes(proc, cgroups)]
    known = [value for value in limits if value is not None]
    return min(known) if known else None


def _machine_bytes(proc: Path) -> int | None:
    available = _table(proc / "meminfo").get("MemAvailable:")
    if available is not None:
        return available * 1024
    try:  # no /proc, as on macOS: use the total
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _cgroup_bytes(proc: Path, root: Path) -> list[int | None]:
    return [_group_bytes(group, v2) for group, v2 in control_groups(proc, root, "memory")]


def _group_bytes(group: Path, v2: bool) -> int | None:
    limit = _number(group / ("memory.max" if v2 else "memory.limit_in_bytes"))
    used = _number(group / ("memory.current" if v2 else "memory.usage_in_bytes"))
    if limit is None or used is None or limit >= _NO_LIMIT:
        return None
    stat = _table(group / "memory.stat")
    prefix = "" if v2 else "total_"
    # The page cache counts as used but is reclaimable: a model just downloaded fills it.
    cache = stat.get(f"{prefix}inactive_file", 0) + stat.get(f"{prefix}active_file", 0)
    return max(limit - max(used - cache, 0), 0)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _table(path: Path) -> dict[str, int]:
    """Lines of a name, spaces and a number, as in /proc/meminfo."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {line[0]: int(line[1]) for line in lines if len(line) > 1 and line[1].isdigit()}
