"""What of a JSON schema the grammar library would keep to only nearly: found, narrowed or refused.

Knows nothing about the library's grammars. It holds numbers as doubles, and does not see that an
object names the same property twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from app.structured_output.schema_traversal import Node, nodes, pointer

#: Whole numbers up to this are doubles; beyond, neighbours become one.
_EXACT = 2**53
#: The library has no bounds beyond these.
_FARTHEST = 2**63 - 2**10
#: The library finds multiples with unsigned 32-bit arithmetic that wraps around silently.
_WRAPS_AT = 2**32
_IN_PLACE = frozenset(("allOf", "anyOf", "oneOf", "$ref", "patternProperties"))
_JOINED = _IN_PLACE | {"items", "multipleOf", "prefixItems", "properties", "additionalProperties"}
_MINIMA = frozenset(("minimum", "exclusiveMinimum"))
_MAXIMA = frozenset(("maximum", "exclusiveMaximum"))


class Inexact(ValueError):
    """An answer might not be an instance; the message names the place."""


def make_exact(schema: Node) -> bool:
    """Narrow bounds, in place, to numbers that are kept exactly; returns whether any was.

    Raises:
        Inexact: what cannot be kept to exactly, nor narrowed.
    """
    changed = False
    for path, node in nodes(schema):
        for keyword in ("const", "enum", "multipleOf"):
            if any(abs(number) > _EXACT for number in _numbers(node.get(keyword))):
                where = pointer((*path, keyword))
                raise Inexact(f"{where} has a number beyond ±2^53, which is not kept exactly")
        _check_multiple(node, pointer((*path, "multipleOf")))
        _check_count(node, pointer(path))
        for keyword in node.keys() & (_MINIMA | _MAXIMA):
            narrowed = _narrowed(node[keyword], math.inf if keyword in _MINIMA else -math.inf)
            if narrowed is not None:
                node[keyword], changed = narrowed, True
    _check_common_multiples(schema)
    return changed


def _narrowed(bound: object, inwards: float) -> int | None:
    """The nearest number that can be kept and lets nothing through which `bound` does not; None:
    it is one, or there is none."""
    if isinstance(bound, bool) or not isinstance(bound, int | float):
        return None
    if abs(bound) > _FARTHEST:
        farthest = -_FARTHEST if inwards > 0 else _FARTHEST
        return farthest if (bound < 0) == (inwards > 0) else None
    near = float(bound)
    if near == bound:
        return None
    beyond = near < bound if inwards > 0 else near > bound
    return int(math.nextafter(near, inwards) if beyond else near)


def _numbers(value: object) -> Iterator[float]:
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting += each
        elif isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, int | float) and not isinstance(each, bool):
            yield each


def _check_multiple(node: Node, where: str) -> None:
    """What reads an answer holds its numbers as doubles, of which none is a multiple of 0.1."""
    step = node.get("multipleOf")
    if isinstance(step, float) and not (step * 2**20).is_integer():
        raise Inexact(
            f"{where}: multiples of {step} are no binary fractions, so an answer's would be kept "
            "only nearly; use an integer of the smallest unit"
        )
    if isinstance(step, int | float) and _wraps(*_decimal(step)):
        raise Inexact(f"{where}: {step} has too many digits for its multiples to be kept exactly")


def _check_common_multiples(schema: Node) -> None:
    """Where several schemas hold for one number the library takes the least common multiple of
    their steps. Which ones meet is not followed: any of the schema's may."""
    where = next((path for path, node in nodes(schema) if _joins(node)), None)
    steps = {step for _, node in nodes(schema) if (step := node.get("multipleOf"))}
    if where is None or len(steps) < 2:
        return
    decimals = [_decimal(step) for step in steps]
    places = max(places for _, places in decimals)
    scaled = [digits * 10 ** (places - fewer) for digits, fewer in decimals]
    # It multiplies before it divides by the greatest common divisor.
    if _wraps(math.lcm(*scaled), places) or math.lcm(*scaled) * max(scaled) >= _WRAPS_AT:
        raise Inexact(
            f"{pointer(where)}: the multipleOf of several schemas have too many digits together "
            "for their common multiples to be kept exactly"
        )


def _decimal(step: float) -> tuple[int, int]:
    """A binary fraction's digits, and how many of them are decimal places."""
    numerator, denominator = step.as_integer_ratio()
    places = denominator.bit_length() - 1
    return numerator * 5**places, places


def _wraps(digits: int, places: int) -> bool:
    """Whether the library's remainder and one more digit may take more than 32 bits."""
    largest: int = 10 * (digits - 1) + 9 * 10**places
    return largest >= _WRAPS_AT


def _joins(node: Node) -> bool:
    """Whether several schemas hold for the same value, or the same part of it."""
    joined = node.keys() & _JOINED
    return bool(joined & _IN_PLACE) and (len(joined) > 1 or "allOf" in node)


def _check_count(node: Node, where: str) -> None:
    """A name given twice is one property: of those that are free, two may be the same."""
    least, required = node.get("minProperties"), node.get("required")
    named = len(required) if isinstance(required, list) else 0
    if isinstance(least, int) and least > named + 1:
        raise Inexact(
            f"{where}: minProperties {least} with {named} required properties is not supported; "
            "name the others in required"
        )
