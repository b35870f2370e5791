"""API keys from a file that is reloaded when it changes.

Only SHA-256 digests are kept in memory; no key is logged.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.checkpoint.errors import StartupError

CHECK_INTERVAL_S = 1.0
#: mtime is coarse: a file modified less than this long ago is read again at each check.
MTIME_UNCERTAIN_S = 2.0
MAX_FILE_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key's name and SHA-256."""

    name: str
    digest: bytes = field(repr=False)

    @property
    def scope(self) -> str:
        """Identifies the key (cache owner, rate limit) without revealing it."""
        return self.digest.hex()


class ApiKeyFile:
    """The keys of one file. Thread-safe."""

    def __init__(
        self,
        path: str,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """clock: monotonic seconds; wall_clock: seconds since the epoch, comparable to mtime.

        Raises:
            StartupError: the file cannot be read, or contains no key.
        """
        self._path = Path(path)
        self._clock = clock
        self._wall_clock = wall_clock
        self._check_lock = threading.Lock()
        self._next_check_at = self._clock() + CHECK_INTERVAL_S
        self._read_signature = self._signature()
        self._keys = read_keys(self._path)
        if not self._keys:
            raise StartupError(f"{path} contains no API key; write one per line: name key")

    def find(self, presented: bytes) -> ApiKey | None:
        """Look up a key. Takes the same time whether it is valid or not (no timing attack)."""
        self._reload()
        digest = hashlib.sha256(presented).digest()
        match = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                match = key
        return match

    @property
    def has_several(self) -> bool:
        """Whether the file has more than one key."""
        return len(self._keys) > 1

    def _reload(self) -> None:
        """Reload the file if it has changed. If it cannot be read, the old keys stay valid; if
        it is empty, no key is."""
        if self._clock() < self._next_check_at or not self._check_lock.acquire(blocking=False):
            return
        try:
            self._next_check_at = self._clock() + CHECK_INTERVAL_S
            signature = self._signature()
            if signature != self._read_signature:
                self._read_signature = signature
                self._keys = read_keys(self._path)
                _log.warning("%s was reloaded: %d API keys", self._path, len(self._keys))
        except StartupError as error:
            _log.error("the API keys were not reloaded: %s", error)
        finally:
            self._check_lock.release()

    def _signature(self) -> tuple[float, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        # For a recent change the last item differs at each call, which forces a reload.
        is_recent = abs(self._wall_clock() - status.st_mtime) < MTIME_UNCERTAIN_S
        tie_breaker = self._clock() if is_recent else 0.0
        return status.st_mtime_ns, status.st_size, status.st_ino, tie_breaker


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """Parse a key file: `name key` or `key` per line; `#` starts a comment.

    Raises:
        StartupError: what is wrong and in which line, without the key.
    """
    try:
        if not path.is_file():
            raise StartupError(f"--api_keys_file: {path} is not a file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise StartupError(f"--api_keys_file: {path} is over {MAX_FILE_BYTES >> 20} MiB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StartupError(f"--api_keys_file: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartupError(f"--api_keys_file: {path} is not UTF-8") from None
    line_of_digest: dict[bytes, int] = {}
    keys: list[ApiKey] = []
    for line_number, line in enumerate(text.splitlines(), 1):
        words = _before_comment(line.split())
        if not words:
            continue
        location = f"--api_keys_file: line {line_number} of {path}"
        if len(words) > 2:
            raise StartupError(f"{location} has {len(words)} words; write: name key")
        digest = hashlib.sha256(words[-1].encode()).digest()
        if digest in line_of_digest:
            raise StartupError(f"{location} repeats the key of line {line_of_digest[digest]}")
        line_of_digest[digest] = line_number
        keys.append(ApiKey(words[0] if len(words) == 2 else f"key-{len(keys) + 1}", digest))
    return tuple(keys)


def _before_comment(words: list[str]) -> list[str]:
    for index, word in enumerate(words):
        if word.startswith("#"):
            return words[:index]
    return words
