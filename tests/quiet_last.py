"""A pytest plugin: tests that measure time closely run last, with nothing beside them.

Knows nothing about the tests, nor what else runs: tests/run.py names the process to wait for.
"""

from __future__ import annotations

import os
import time

import psutil
import pytest

#: The environment variable with the number of the process that runs the other tests.
BESIDE = "TESTS_BESIDE"
LOOK_EVERY_S = 0.5


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stable: all others stay in their order."""
    items.sort(key=lambda item: item.get_closest_marker("quiet") is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Wait until the others have ended."""
    number = os.environ.get(BESIDE)
    if number is None or item.get_closest_marker("quiet") is None:
        return
    while _runs(int(number)):
        time.sleep(LOOK_EVERY_S)


def _runs(number: int) -> bool:
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
