"""Formats of a JSON schema: which there are, and as patterns those that the grammar library keeps
to only nearly.

Knows nothing about other keywords. The library knows how long a month is but not which years are
leap years, lets every minute have a leap second, and a host's name be as long as it likes.
"""

from __future__ import annotations

from typing import Any

from app.structured_output.schema_traversal import Node

#: JSON Schema's own. Any other is for who reads the schema, and says nothing about what is valid.
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
#: No label has two hyphens in its third and fourth place: such names are encoded others.
_L, _H = "[0-9A-Za-z]", "[0-9A-Za-z-]"
_LABEL = f"{_L}({_H}?{_L}|{_H}({_L}|-){_L}|{_H}({_L}{_H}|-{_L}){_H}{{0,58}}{_L})?"
_EXACT: dict[str, dict[str, Any]] = {
    "date": {"pattern": f"^{_DATE}$"},
    "time": {"pattern": f"^{_TIME}$"},
    "date-time": {"pattern": f"^{_DATE}T{_TIME}$"},
    "hostname": {"pattern": rf"^{_LABEL}(\.{_LABEL})*$", "maxLength": 253},
}


def as_pattern(node: Node) -> bool:
    """Say the format of `node`, in place, as a pattern, or leave it out where it is none of JSON
    Schema's; returns whether it was either."""
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
