"""A pytest plugin: tests that measure time closely run last, with nothing beside them.

tests/run.py names the processes to wait for.
"""

from __future__ import annotations

import os
import time

import psutil
import pytest

#: The environment variable with the ids of the processes that run the other tests.
BESIDE = "TESTS_BESIDE"
LOOK_EVERY_S = 0.5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stable: all others stay in their order."""
    items.sort(key=lambda item: item.get_closest_marker("quiet") is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait until the others have ended."""
    pids = os.environ.get(BESIDE)
    if pids is None or item.get_closest_marker("quiet") is None:
        return
    while any(_runs(int(pid)) for pid in pids.split(",")):
        time.sleep(LOOK_EVERY_S)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
