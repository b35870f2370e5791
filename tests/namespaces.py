"""Tests that need a file system or a network of their own, which only root can give them.

Knows nothing about what they do there. Elsewhere they are left to `make verify`, which skips them.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])


def isolated(test: Test) -> Test:
    """Mark a test that calls `unshare --mount --net`."""
    try:
        done = subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True)
        possible = done.returncode == 0
    except FileNotFoundError:
        possible = False
    if possible:
        return test
    skip = pytest.mark.skip(reason="only root may have a file system and a network of its own")
    marked: Test = pytest.mark.figures(skip(test))
    return marked
