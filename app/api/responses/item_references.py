"""`item_reference`: an item of an earlier answer, in a request by its id alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from app.api.responses.input_items import is_reference
from app.protocol.loading import field_error

#: Of all items that one request refers to, as much as a body has by default: a body of short
#: references must not become a far larger one.
MAX_BYTES = 8 << 20


def resolve_references(
    data: Mapping[str, object], stored: Callable[[str], bytes | None]
) -> Mapping[str, object]:
    """The request with the items themselves in the place of references to them; unknown ones stay.

    stored: an item's JSON by its id, None where it is not kept.

    Raises:
        BadRequest: the items are too large together.
    """
    items = data.get("input")
    if not isinstance(items, list) or not any(map(is_reference, items)):
        return data
    left = MAX_BYTES
    resolved: list[Any] = []
    for index, item in enumerate(items):
        found = stored(item["id"]) if _has_id(item) else None
        left -= len(found or b"")
        if left < 0:
            limit = f"refers to more than {MAX_BYTES >> 20} MB of items, with those before it"
            raise field_error(f"input.{index}.id", limit)
        # Other keys of the reference stay, so that they are named as unread.
        resolved.append(item if found is None else {**item, **json.loads(found)})
    return {**data, "input": resolved}


def _has_id(item: object) -> bool:
    return isinstance(item, dict) and is_reference(item) and isinstance(item.get("id"), str)
