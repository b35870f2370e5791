"""How the text of a setting is read: one parser for each kind of value.

Imports the standard library only. A parser raises ValueError with a message that begins with
"expected"; `config.Config.from_env` puts the setting's name before it.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any

NAME = r"[^\s\x00-\x1f\x7f]{1,200}"
_HOST = r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}"
_IPV6 = r"\[[0-9A-Fa-f:.]{2,45}\]"
#: Desktop apps made of web pages have their own schemes; pages from files are "null" or file://.
_ORIGIN = rf"null|file://|[a-z][a-z0-9+.-]{{0,62}}://({_HOST}|{_IPV6}|\.)(:[0-9]{{1,5}})?"
_RATE = r"([1-9][0-9]{0,8})(?:/(second|minute|hour|day))?"


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of integers from `minimum` to `maximum`."""

    def parse(text: str) -> int:
        # int() would also accept "1_000", full-width digits and surrounding spaces.
        if not re.fullmatch(r"[0-9]{1,12}", text) or not minimum <= int(text) <= maximum:
            raise ValueError(f"expected a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def boolean(text: str) -> bool:
    """On or off."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("expected 1, true, yes, on or 0, false, no, off")


def json_object(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ValueError('expected a JSON object: {"name": value}')
    return value


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser of one of `choices`."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return parse


def matching(pattern: str, expected: str) -> Callable[[str], str]:
    """A parser of text that matches all of `pattern`; `expected` describes it in the error."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"expected {expected}")
        return text

    return parse


def list_of(pattern: str, expected: str) -> Callable[[str], tuple[str, ...]]:
    """A parser of comma-separated parts that each match `pattern`."""

    def parse(text: str) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in text.split(","))
        if not all(re.fullmatch(pattern, part) for part in parts):
            raise ValueError(f"expected {expected}")
        return parts

    return parse


names = list_of(NAME, "names of 1 to 200 characters without blanks: a,b")
directories = list_of(r"(?s).+", "a directory or a Hub name, or several: A,B")


def upstream_url(text: str) -> str:
    """An http or https address, with or without a path; without a slash at its end."""
    url = text.rstrip("/")
    if not re.fullmatch(rf"https?://({_HOST}|{_IPV6})(:[0-9]{{1,5}})?(/[A-Za-z0-9._~-]+)*", url):
        raise ValueError("expected an address such as http://localhost:8000/v1, without a key")
    return url


def host_names(text: str) -> tuple[str, ...]:
    """Host names in lower case; one that begins with a dot includes all its subdomains."""
    expected = "names such as llm.example.org,.example.net, without ports"
    return list_of(rf"\.?{_HOST}", expected)(text.lower())


def gpu_ids(text: str) -> tuple[int, ...]:
    """GPU ids, each once."""
    if not re.fullmatch(r"[0-9]{1,3}(,[0-9]{1,3})*", text):
        raise ValueError("expected GPU ids such as 0 or 0,1")
    ids = tuple(int(part) for part in text.split(","))
    if len(set(ids)) < len(ids):
        raise ValueError("expected every GPU once")
    return ids


def seconds(text: str) -> float:
    """A time from 0 to a million seconds."""
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise ValueError("expected seconds, such as 60 or 0.5; 0 is no limit")
    return float(text)


def rate_limits(text: str) -> tuple[tuple[int, str], ...]:
    """Numbers of requests, each with a unit of time; a minute where none is given."""
    if text.lower() in ("0", "off"):
        return ()
    found = [re.fullmatch(_RATE, part.strip()) for part in text.split(",")]
    if not all(found):
        raise ValueError("expected requests a minute, or such as 10/second,1000/day; or off")
    return tuple((int(match[1]), match[2] or "minute") for match in found if match)


def origins(text: str) -> tuple[str, ...]:
    """Web origins as browsers send them, or "*" for all."""
    found = tuple(part.strip().lower() for part in text.split(","))
    if found == ("*",):
        return found
    if not all(re.fullmatch(_ORIGIN, part) for part in found):
        raise ValueError(
            "expected *, null or origins such as https://example.org,http://localhost:3000,"
            "app://obsidian.md"
        )
    return tuple(map(_without_default_port, found))


def _without_default_port(origin: str) -> str:
    for scheme, port in (("http://", ":80"), ("https://", ":443")):
        if origin.startswith(scheme):
            return origin.removesuffix(port)
    return origin


def networks(text: str) -> tuple[str, ...]:
    """IP addresses and networks in CIDR notation."""
    try:
        return tuple(str(ipaddress.ip_network(part.strip(), False)) for part in text.split(","))
    except ValueError:
        raise ValueError("expected addresses or networks such as 10.0.0.0/8,::1") from None


def ntk_factor(text: str) -> float:
    """A number from 0.01 to 1000."""
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", text) or not 0.01 <= float(text) <= 1000:
        raise ValueError("expected a number from 0.01 to 1000")
    return float(text)
