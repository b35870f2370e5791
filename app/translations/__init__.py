"""The texts of the page and of /docs: one file for each language.

The files are read once, at import; a test compares their keys.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words, by key."""

    page: Mapping[str, str]  #: of the page's templates: its own and the scripts'
    scripts: Mapping[str, str]  #: of the page's scripts
    docs: Mapping[str, str]  #: of the template of /docs: its own and the page's
    routes: Mapping[str, str]  #: what each route of the API does, by its path
    fields: Mapping[str, str]  #: what each field of a request means
    units: Mapping[str, float]  #: of large numbers, the largest first
    #: Things to try: of each kind of model, and "embeddings".
    examples: Mapping[str, Mapping[str, Sequence[str]]]


def _read(path: Path) -> Words:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    page = {**tables["scripts"], **tables["page"]}
    return Words(
        page=page,
        scripts=tables["scripts"],
        docs={**page, **tables["docs"]},
        routes=tables["routes"],
        fields=tables["fields"],
        units=tables["units"],
        examples=tables["examples"],
    )


#: By language, as browsers name it.
WORDS: Mapping[str, Words] = {
    path.stem: _read(path) for path in sorted(Path(__file__).parent.glob("*.toml"))
}
