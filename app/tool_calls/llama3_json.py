"""Llama 3's format: a call as bare JSON with "parameters", also after <|python_tag|>."""

from __future__ import annotations

from typing import ClassVar

from app.tool_calls.plain_json import PlainJsonParser


class Llama3JsonParser(PlainJsonParser):
    """As bare JSON; after the tag, calls are taken also behind other text."""

    tags: ClassVar[tuple[str, ...]] = ("<|python_tag|>",)
    special_texts: ClassVar[tuple[str, ...]] = tags
