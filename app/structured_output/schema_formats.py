"""The formats of JSON Schema, and patterns for those that the grammar library checks only
approximately.

The library knows the length of months but not leap years, allows a leap second in every minute,
and does not limit the length of host names.
"""

from __future__ import annotations

from typing import Any

from app.structured_output.schema_traversal import Node

#: The formats of JSON Schema. Others are annotations without effect on validity.
FORMATS = frozenset(
    """
    date date-time duration email hostname idn-email idn-hostname ipv4 ipv6 iri iri-reference
    json-pointer regex relative-json-pointer time uri uri-reference uri-template uuid
    """.split()
)
_LEAP = "0[48]|[2468][048]|[13579][26]"
_DATE = (
    "(([0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
    "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    "|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
    f"|([0-9]{{2}}({_LEAP})|({_LEAP})00)-02-29)"
)
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TIME = rf"{_CLOCK}:[0-5][0-9](\.[0-9]{{1,9}})?(Z|[+-]{_CLOCK})"
#: Labels with hyphens in the third and fourth place are reserved (punycode: "xn--").
_L, _H = "[0-9A-Za-z]", "[0-9A-Za-z-]"
_LABEL = f"{_L}({_H}?{_L}|{_H}({_L}|-){_L}|{_H}({_L}{_H}|-{_L}){_H}{{0,58}}{_L})?"
_EXACT: dict[str, dict[str, Any]] = {
    "date": {"pattern": f"^{_DATE}$"},
    "time": {"pattern": f"^{_TIME}$"},
    "date-time": {"pattern": f"^{_DATE}T{_TIME}$"},
    "hostname": {"pattern": rf"^{_LABEL}(\.{_LABEL})*$", "maxLength": 253},
}


def format_to_pattern(node: Node) -> bool:
    """Replace the format of `node` by a pattern, or remove it if it is not one of JSON Schema's,
    in place; returns whether it was changed."""
    name = node.get("format")
    if isinstance(name, str) and name not in FORMATS:
        del node["format"]
        return True
    exact = _EXACT.get(name) if isinstance(name, str) else None
    if exact is None:
        return False
    del node["format"]
    if node.keys() & exact.keys():
        node["allOf"] = [*node.get("allOf", ()), dict(exact)]
    else:
        node |= exact
    return True
