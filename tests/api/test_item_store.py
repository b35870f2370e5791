"""Items of answers are kept by owner, and within limits of number, bytes and age."""

from __future__ import annotations

import json

from app.api.responses.item_store import ItemStore
from app.engine.request import ANONYMOUS, Owner

ALICE, BOB = Owner("alice"), Owner("bob")


def item(name: str, size: int = 0) -> dict[str, object]:
    return {"id": name, "text": "西" * size}


def kept(store: ItemStore, owner: Owner, *names: str) -> list[str]:
    """Which of them; to be asked with the oldest first, because it counts as use."""
    return [name for name in names if store.get(owner, name) is not None]


def test_an_item_is_its_owners_alone() -> None:
    store = ItemStore()
    store.put(ALICE, item("a", 2))
    assert json.loads(store.get(ALICE, "a") or b"") == item("a", 2)
    assert store.get(BOB, "a") is store.get(ANONYMOUS, "a") is store.get(ALICE, "b") is None
    assert store.get(Owner("alice", limited=True, key_name="renamed"), "a")


def test_the_least_recently_used_goes_first() -> None:
    store = ItemStore(max_items=3)
    for name in "abc":
        store.put(ALICE, item(name))
    assert kept(store, ALICE, "a") == ["a"]
    store.put(ALICE, item("d"))
    assert kept(store, ALICE, *"abcd") == ["a", "c", "d"]


def test_bytes_are_limited() -> None:
    store = ItemStore(max_bytes=1000)
    for name in "abc":
        store.put(ALICE, item(name, 100))
    assert kept(store, ALICE, *"abc") == ["a", "b", "c"]
    store.put(ALICE, item("d", 100))
    assert kept(store, ALICE, *"abcd") == ["b", "c", "d"]
    store.put(ALICE, item("large", 1000))
    assert kept(store, ALICE, "b", "c", "d", "large") == ["b", "c", "d"]


def test_who_holds_most_loses_first() -> None:
    store = ItemStore(max_bytes=1000)
    store.put(BOB, item("b", 50))
    for index in range(20):
        store.put(ALICE, item(str(index), 100))
    assert kept(store, BOB, "b") == ["b"]
    assert kept(store, ALICE, "17", "18", "19") == ["18", "19"]


def test_who_holds_most_items_loses_first() -> None:
    """Nor does an owner push out another's with many small ones."""
    store = ItemStore(max_items=10, max_bytes=10_000)
    store.put(BOB, item("b", 1000))
    for index in range(20):
        store.put(ALICE, item(str(index)))
    assert kept(store, BOB, "b") == ["b"]
    assert kept(store, ALICE, "10", "11", "19") == ["11", "19"]


def test_items_expire() -> None:
    now = 0.0
    store = ItemStore(max_age_s=10, clock=lambda: now)
    store.put(ALICE, item("a"))
    store.put(ALICE, item("b"))
    now = 8.0
    assert kept(store, ALICE, "a") == ["a"]
    now = 12.0
    assert kept(store, ALICE, "a", "b") == ["a"]
    now = 30.0
    assert kept(store, ALICE, "a") == []
