"""The page's own words in each language: those of its templates, and those of its scripts.

Knows nothing about where they stand.
"""

from __future__ import annotations

from collections.abc import Mapping

from app.playground.texts import chinese, english

#: By language; every language has the same keys.
TEXTS: Mapping[str, Mapping[str, str]] = {"en": english.PAGE, "zh-CN": chinese.PAGE}
SCRIPT_TEXTS: Mapping[str, Mapping[str, str]] = {"en": english.SCRIPT, "zh-CN": chinese.SCRIPT}
