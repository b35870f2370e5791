"""The API keys of a file, which is read again whenever it changes.

Knows nothing about HTTP. Only hashes of keys are kept; no key is ever logged.
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
#: A file changed so lately may change again without its time or size telling.
MTIME_UNCERTAIN_S = 2.0
MAX_FILE_BYTES = 1 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Whom a key was given to, and the key's SHA-256."""

    name: str
    digest: bytes = field(repr=False)

    @property
    def scope(self) -> str:
        """What tells this key's requests from others', and the key to nobody."""
        return self.digest.hex()


class ApiKeyFile:
    """The keys of one file. Any thread may ask."""

    def __init__(
        self,
        path: str,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """clock: seconds since any moment; wall_clock: since the epoch, as a file's date is.

        Raises:
            StartupError: the file cannot be read, or holds no keys.
        """
        self._path = Path(path)
        self._clock = clock
        self._wall_clock = wall_clock
        self._check_lock = threading.Lock()
        self._next_check_at = self._clock() + CHECK_INTERVAL_S
        self._read_signature = self._signature()
        self._keys = read_keys(self._path)
        if not self._keys:
            raise StartupError(f"{path} holds no API key; write one on each line: name key")

    def find(self, presented: bytes) -> ApiKey | None:
        """The key that was presented. Takes as long for a wrong one as for a right one."""
        self._reload()
        digest = hashlib.sha256(presented).digest()
        match = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                match = key
        return match

    @property
    def has_several(self) -> bool:
        """Whether there is more than one key."""
        return len(self._keys) > 1

    def _reload(self) -> None:
        """Read the file again if it has changed. One that cannot be read changes nothing; an
        empty one lets nobody in."""
        if self._clock() < self._next_check_at or not self._check_lock.acquire(blocking=False):
            return
        try:
            self._next_check_at = self._clock() + CHECK_INTERVAL_S
            signature = self._signature()
            if signature != self._read_signature:
                self._read_signature = signature
                self._keys = read_keys(self._path)
                _log.warning("%s was read again: %d API keys", self._path, len(self._keys))
        except StartupError as error:
            _log.error("the API keys stay as they were: %s", error)
        finally:
            self._check_lock.release()

    def _signature(self) -> tuple[float, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        # The last place makes a fresh change differ at every look.
        is_recent = abs(self._wall_clock() - status.st_mtime) < MTIME_UNCERTAIN_S
        tie_breaker = self._clock() if is_recent else 0.0
        return status.st_mtime_ns, status.st_size, status.st_ino, tie_breaker


def read_keys(path: Path) -> tuple[ApiKey, ...]:
    """The keys of a file: `name key` or `key` on each line, `#` begins a comment.

    Raises:
        StartupError: what is wrong, and in which line; never the key itself.
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
        place = f"--api_keys_file: line {line_number} of {path}"
        if len(words) > 2:
            raise StartupError(f"{place} has {len(words)} words; write: name key")
        digest = hashlib.sha256(words[-1].encode()).digest()
        if digest in line_of_digest:
            raise StartupError(f"{place} repeats the key of line {line_of_digest[digest]}")
        line_of_digest[digest] = line_number
        keys.append(ApiKey(words[0] if len(words) == 2 else f"key-{len(keys) + 1}", digest))
    return tuple(keys)


def _before_comment(words: list[str]) -> list[str]:
    for index, word in enumerate(words):
        if word.startswith("#"):
            return words[:index]
    return words
