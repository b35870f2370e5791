"""Output items of recent answers, which later requests refer to by their ids."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from app.api.json_http import encode_json
from app.engine.request import Owner

MAX_ITEMS = 20_000
MAX_BYTES = 32 << 20
MAX_AGE_S = 24 * 3600.0  #: since the item was last referred to


@dataclass(frozen=True, slots=True)
class _Stored:
    json: bytes
    used_at: float


@dataclass(slots=True)
class _OwnerItems:
    """One owner's items, the one that was used last at the end."""

    items: OrderedDict[str, _Stored] = field(default_factory=OrderedDict)
    size: int = 0  #: bytes

    def add(self, item_id: str, stored: _Stored) -> None:
        self.items[item_id] = stored
        self.size += len(stored.json)

    def pop(self, item_id: str) -> _Stored | None:
        stored = self.items.pop(item_id, None)
        self.size -= len(stored.json) if stored else 0
        return stored

    def drop_unused_since(self, time_s: float) -> None:
        while self.items and next(iter(self.items.values())).used_at < time_s:
            self.pop_oldest()

    def pop_oldest(self) -> None:
        _, stored = self.items.popitem(last=False)
        self.size -= len(stored.json)


class ItemStore:
    """Keeps items in memory, within limits of number, bytes and age. Over a limit, the owner who
    holds most loses the item that was used least recently, so that no owner pushes out another's.
    Thread-safe."""

    def __init__(
        self,
        *,
        max_items: int = MAX_ITEMS,
        max_bytes: int = MAX_BYTES,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """max_bytes: of the items' JSON."""
        self._max_items, self._max_bytes, self._max_age_s = max_items, max_bytes, max_age_s
        self._clock = clock
        self._by_owner: dict[str, _OwnerItems] = {}  # by the owner's name
        self._lock = Lock()

    def put(self, owner: Owner, item: Mapping[str, object]) -> None:
        """Keep an item, which has an id of its own, unless it alone is over the limit."""
        stored = _Stored(encode_json(item).encode(), self._clock())
        if len(stored.json) > self._max_bytes:
            return
        with self._lock:
            self._by_owner.setdefault(owner.name, _OwnerItems()).add(str(item["id"]), stored)
            self._shrink()

    def get(self, owner: Owner, item_id: str) -> bytes | None:
        """The JSON of one of this owner's items, if it is still kept."""
        with self._lock:
            self._drop_expired()
            owned = self._by_owner.get(owner.name)
            stored = owned.pop(item_id) if owned else None
            if owned is None or stored is None:
                return None
            owned.add(item_id, _Stored(stored.json, self._clock()))
            return stored.json

    def _shrink(self) -> None:
        self._drop_expired()
        while self._is_over():
            name = max(self._by_owner, key=self._share)
            self._by_owner[name].pop_oldest()
            self._forget_empty([name])

    def _share(self, name: str) -> float:
        """Of what may be held, by the limit that is nearer."""
        owned = self._by_owner[name]
        return max(len(owned.items) / self._max_items, owned.size / self._max_bytes)

    def _is_over(self) -> bool:
        owners = self._by_owner.values()
        count = sum(len(owned.items) for owned in owners)
        return count > self._max_items or sum(owned.size for owned in owners) > self._max_bytes

    def _drop_expired(self) -> None:
        for owned in self._by_owner.values():
            owned.drop_unused_since(self._clock() - self._max_age_s)
        self._forget_empty(list(self._by_owner))

    def _forget_empty(self, names: Iterable[str]) -> None:
        for name in names:
            if not self._by_owner[name].items:
                del self._by_owner[name]
