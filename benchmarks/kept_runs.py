"""Results of benchmarks that have been run, so that an interrupted series goes on where it was.

Knows nothing about what they measure.
"""

from __future__ import annotations

import json
from pathlib import Path

Result = dict[str, object]


class KeptRuns:
    """A JSON file with results by the code's revision, the machine and the command."""

    def __init__(self, path: Path, revision: str, machine: str) -> None:
        self._path, self._key = path, f"{revision}, {machine}"
        self._all: dict[str, dict[str, Result]] = (
            json.loads(path.read_text()) if path.exists() else {}
        )

    def get(self, command: str) -> Result | None:
        """What the command gave on this code and machine; None if it has not been run."""
        return self._all.get(self._key, {}).get(command)

    def put(self, command: str, result: Result) -> None:
        """Keep it, on the disk as well."""
        self._all.setdefault(self._key, {})[command] = result
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".part")
        unfinished.write_text(json.dumps(self._all, indent=2) + "\n")
        unfinished.rename(self._path)
