"""The texts of the page and of /docs: one file for each language.

The files are read once, at import; a test compares their keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Translation:
    """The texts of one language, by key."""

    page: Mapping[str, str]  #: for the page's templates, with those of the scripts
    scripts: Mapping[str, str]  #: for the page's scripts
    docs: Mapping[str, str]  #: for the template of /docs, with those of the page
    routes: Mapping[str, str]  #: a summary of each route of the API, by path
    fields: Mapping[str, str]  #: the meaning of each request field
    units: Mapping[str, float]  #: units of large numbers, largest first
    #: Example prompts per kind of model, and "embeddings".
    examples: Mapping[str, Mapping[str, Sequence[str]]]


def _read(path: Path) -> Translation:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    page = {**tables["scripts"], **tables["page"]}
    return Translation(
        page=page,
        scripts=tables["scripts"],
        docs={**page, **tables["docs"]},
        routes=tables["routes"],
        fields=tables["fields"],
        units=tables["units"],
        examples=tables["examples"],
    )


#: By language tag.
TRANSLATIONS: Mapping[str, Translation] = {
    path.stem: _read(path) for path in sorted(Path(__file__).parent.glob("*.toml"))
}
