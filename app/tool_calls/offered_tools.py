"""The tools that a request offers, as parsers see them."""

from __future__ import annotations

from collections.abc import Mapping

#: The JSON schema of the parameters of each tool, by the tool's name.
OfferedTools = Mapping[str, Mapping[str, object]]
