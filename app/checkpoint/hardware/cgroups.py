"""Finds this process's cgroups and their ancestors, in version 1 and 2.

Reference: https://docs.kernel.org/admin-guide/cgroup-v2.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def control_groups(proc: Path, root: Path, controller: str) -> Iterator[tuple[Path, bool]]:
    """Directories of cgroups that may limit `controller`, and whether each is of version 2.
    proc and root: the paths of /proc and /sys/fs/cgroup."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        parts = [part for part in path.split("/") if part not in ("", "..")]
        v2 = hierarchy == "0"
        if not v2 and controller not in controllers.split(","):
            continue
        for base in _bases(root, v2, controller, controllers):
            # Any ancestor may have a limit. Inside a container the path may be the host's and not
            # exist; the container's cgroup is then the root.
            for depth in range(len(parts) + 1):
                yield base.joinpath(*parts[:depth]), v2


def _bases(root: Path, v2: bool, controller: str, controllers: str) -> list[Path]:
    """Possible mount points of the hierarchy, whose names differ between systems."""
    if v2:
        return [root, root / "unified"]
    return [root / name for name in dict.fromkeys((controller, controllers))]
