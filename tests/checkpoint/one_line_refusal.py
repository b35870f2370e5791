"""What is asserted of a model that is damaged, or too large to be true."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from app.checkpoint.errors import StartupError

#: Bytes; the files themselves are smaller.
MAX_TRACED = 64 * 2**20


def assert_refused_with_one_line(check: Callable[[], object], words: str) -> None:
    """`check` raises a StartupError of one line with `words`, a pattern, in little memory."""
    tracemalloc.start()
    try:
        with pytest.raises(StartupError, match=words) as caught:
            check()
        assert tracemalloc.get_traced_memory()[1] < MAX_TRACED
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value)
