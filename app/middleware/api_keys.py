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

LOOK_EVERY_S = 1.0
#: A file changed so lately may change again without its time or size telling.
SETTLED_AFTER_S = 2.0
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


class KeyFile:
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
        self._looking = threading.Lock()
        self._look_at = self._clock() + LOOK_EVERY_S
        self._seen = self._signature()
        self._keys = read_keys(self._path)
        if not self._keys:
            raise StartupError(f"{path} holds no API key; write one on each line: name key")

    def find(self, presented: bytes) -> ApiKey | None:
        """The key that was presented. Takes as long for a wrong one as for a right one."""
        self._reload()
        digest = hashlib.sha256(presented).digest()
        found = None
        for key in self._keys:
            if hmac.compare_digest(digest, key.digest):
                found = key
        return found

    @property
    def several(self) -> bool:
        """Whether there is more than one key."""
        return len(self._keys) > 1

    def _reload(self) -> None:
        """Read the file again if it has changed. One that cannot be read changes nothing; an
        empty one lets nobody in."""
        if self._clock() < self._look_at or not self._looking.acquire(blocking=False):
            return
        try:
            self._look_at = self._clock() + LOOK_EVERY_S
            signature = self._signature()
            if signature != self._seen:
                self._seen = signature
                self._keys = read_keys(self._path)
                _log.warning("%s was read again: %d API keys", self._path, len(self._keys))
        except StartupError as error:
            _log.error("the API keys stay as they were: %s", error)
        finally:
            self._looking.release()

    def _signature(self) -> tuple[float, ...] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        # The last place makes a fresh change differ at every look.
        fresh = abs(self._wall_clock() - found.st_mtime) < SETTLED_AFTER_S
        unsettled = self._clock() if fresh else 0.0
        return found.st_mtime_ns, found.st_size, found.st_ino, unsettled


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
    lines: dict[bytes, int] = {}
    keys: list[ApiKey] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = _before_comment(line.split())
        if not words:
            continue
        place = f"--api_keys_file: line {number} of {path}"
        if len(words) > 2:
            raise StartupError(f"{place} has {len(words)} words; write: name key")
        digest = hashlib.sha256(words[-1].encode()).digest()
        if digest in lines:
            raise StartupError(f"{place} repeats the key of line {lines[digest]}")
        lines[digest] = number
        keys.append(ApiKey(words[0] if len(words) == 2 else f"key-{len(keys) + 1}", digest))
    return tuple(keys)


def _before_comment(words: list[str]) -> list[str]:
    for index, word in enumerate(words):
        if word.startswith("#"):
            return words[:index]
    return words
