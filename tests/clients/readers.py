"""Ways in which real clients take an event stream apart, none of them a whole SSE parser.

Knows nothing about Westlake. Each is written anew after what its client does, faults included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Read:
    """What a client made of a stream."""

    chunks: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def text(self) -> str:
        """All texts, one after the other."""
        choices = [choice for chunk in self.chunks for choice in chunk["choices"]]
        return "".join(c["text"] if "text" in c else c["delta"].get("content", "") for c in choices)

    @property
    def usage(self) -> dict[str, Any] | None:
        """The last chunk's, if it has one."""
        found: dict[str, Any] | None = self.chunks[-1].get("usage")
        return found

    def take(self, message: str) -> None:
        """One message's data; fails where it is neither JSON nor the end."""
        data = message.removeprefix("data: ")
        if data == "[DONE]":
            self.done = True
        else:
            self.chunks.append(json.loads(data))


def benchmark_client(pieces: Iterable[bytes]) -> Read:
    """vLLM's: every piece of the network is stripped, so the blank line that ends an event is
    lost; a rest that looks like whole JSON counts as a message."""
    read, rest = Read(), ""
    for piece in pieces:
        rest += piece.strip().decode()
        *messages, rest = rest.split("\n\n")
        held = rest.removeprefix("data: ")
        if rest.startswith("data: ") and (held == "[DONE]" or _is_json(held)):
            messages.append(rest)
            rest = ""
        for message in messages:
            if message.strip() and not message.strip().startswith(":"):
                read.take(message.strip())
    return read


def every_line_is_data(pieces: Iterable[bytes]) -> Read:
    """Many a script's: lines, and each that is not empty is taken for data."""
    read = Read()
    for line in b"".join(pieces).decode().splitlines():
        if line:
            assert line.startswith("data: "), line
            read.take(line)
    return read


def data_lines(pieces: Iterable[bytes]) -> Read:
    """The careful script's: lines that begin with data."""
    read = Read()
    for line in b"".join(pieces).decode().split("\n"):
        if line.startswith("data:"):
            read.take("data: " + line.removeprefix("data:").strip())
    return read


def blank_line_blocks(pieces: Iterable[bytes]) -> Read:
    """Browsers' scripts: blocks between blank lines, whatever the network cut."""
    read = Read()
    for block in b"".join(pieces).decode().split("\n\n"):
        for line in block.split("\n"):
            if line.startswith("data: "):
                read.take(line)
    return read


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True
