"""Narrows or refuses what the grammar library would enforce only approximately.

The library keeps numbers as doubles, and does not notice when an object names a property twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from app.structured_output.schema_traversal import Node, nodes, pointer

#: Integers up to this are exact as doubles.
_MAX_EXACT = 2**53
#: The largest bound that the library accepts.
_MAX_BOUND = 2**63 - 2**10
#: The library checks multiples in unsigned 32-bit arithmetic, which wraps around silently.
_WRAPS_AT = 2**32
_IN_PLACE = frozenset(("allOf", "anyOf", "oneOf", "$ref", "patternProperties"))
_COMBINED = _IN_PLACE | {"items", "multipleOf", "prefixItems", "properties", "additionalProperties"}
_MINIMA = frozenset(("minimum", "exclusiveMinimum"))
_MAXIMA = frozenset(("maximum", "exclusiveMaximum"))


class InexactSchema(ValueError):
    """An answer might not match the schema; the message names the location."""


def narrow_to_exact(schema: Node) -> bool:
    """Narrow bounds, in place, to numbers that are exact as doubles; returns whether any changed.

    Raises:
        InexactSchema: something can neither be enforced exactly nor narrowed.
    """
    changed = False
    for path, node in nodes(schema):
        for keyword in ("const", "enum", "multipleOf"):
            if any(abs(number) > _MAX_EXACT for number in _numbers(node.get(keyword))):
                where = pointer((*path, keyword))
                raise InexactSchema(f"{where} has a number beyond ±2^53, which is not kept exactly")
        _check_multiple(node, pointer((*path, "multipleOf")))
        _check_count(node, pointer(path))
        for keyword in node.keys() & (_MINIMA | _MAXIMA):
            narrowed = _narrowed(node[keyword], math.inf if keyword in _MINIMA else -math.inf)
            if narrowed is not None:
                node[keyword], changed = narrowed, True
    _check_common_multiples(schema)
    return changed


def _narrowed(bound: object, inwards: float) -> int | None:
    """The nearest exact number that allows nothing more than `bound`; None if `bound` is exact
    itself, or without a bound that the library accepts.

    inwards: infinity with the sign of the direction in which the bound becomes stricter.
    """
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        return None
    if abs(bound) > _MAX_BOUND:
        limit = -_MAX_BOUND if inwards > 0 else _MAX_BOUND
        return limit if (bound < 0) == (inwards > 0) else None
    nearest = float(bound)
    if nearest == bound:
        return None
    allows_more = nearest < bound if inwards > 0 else nearest > bound
    return int(math.nextafter(nearest, inwards) if allows_more else nearest)


def _numbers(value: object) -> Iterator[float]:
    stack = [value]
    while stack:
        each = stack.pop()
        if isinstance(each, list):
            stack += each
        elif isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield each


def _check_multiple(node: Node, where: str) -> None:
    """Refuse steps such as 0.1: clients read numbers as doubles, and no double is a multiple of
    it."""
    step = node.get("multipleOf")
    if isinstance(step, float) and not (step * 2**20).is_integer():
        raise InexactSchema(
            f"{where}: multiples of {step} are no binary fractions, so an answer's would be kept "
            "only nearly; use an integer of the smallest unit"
        )
    if isinstance(step, int | float) and _wraps(*_decimal(step)):
        raise InexactSchema(
            f"{where}: {step} has too many digits for its multiples to be kept exactly"
        )


def _check_common_multiples(schema: Node) -> None:
    """Refuse steps whose least common multiple is too large. Where several schemas apply to one
    number, the library computes it. Which schemas those are is not analysed: all are checked."""
    where = next((path for path, node in nodes(schema) if _combines(node)), None)
    steps = {step for _, node in nodes(schema) if (step := node.get("multipleOf"))}
    if where is None or len(steps) < 2:
        return
    decimals = [_decimal(step) for step in steps]
    places = max(places for _, places in decimals)
    scaled = [digits * 10 ** (places - fewer) for digits, fewer in decimals]
    # The library multiplies before it divides by the greatest common divisor.
    if _wraps(math.lcm(*scaled), places) or math.lcm(*scaled) * max(scaled) >= _WRAPS_AT:
        raise InexactSchema(
            f"{pointer(where)}: the multipleOf of several schemas have too many digits together "
            "for their common multiples to be kept exactly"
        )


def _decimal(step: float) -> tuple[int, int]:
    """The decimal digits of a binary fraction as an integer, and how many are after the point."""
    numerator, denominator = step.as_integer_ratio()
    places = denominator.bit_length() - 1
    return numerator * 5**places, places


def _wraps(digits: int, places: int) -> bool:
    """Whether the library's remainder with one more digit can exceed 32 bits."""
    largest: int = 10 * (digits - 1) + 9 * 10**places
    return largest >= _WRAPS_AT


def _combines(node: Node) -> bool:
    """Whether several schemas apply to the same value, or to the same part of it."""
    combined = node.keys() & _COMBINED
    return bool(combined & _IN_PLACE) and (len(combined) > 1 or "allOf" in node)


def _check_count(node: Node, where: str) -> None:
    """Refuse minProperties where two of the counted properties could have the same name: the
    library would count such a property twice."""
    minimum, required = node.get("minProperties"), node.get("required")
    named = len(required) if isinstance(required, list) else 0
    if isinstance(minimum, int) and minimum > named + 1:
        raise InexactSchema(
            f"{where}: minProperties {minimum} with {named} required properties is not supported; "
            "name the others in required"
        )
