"""No two classes of app/ have the same name, so that a search for a name finds one class."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
#: Response schemas, named as the objects they describe: the name of the class is the schema's
#: name in /openapi.json.
SCHEMAS = {"Completion", "Embedding", "TokenLogprob", "Usage"}
#: marshmallow's name for the options of a schema.
ALLOWED = SCHEMAS | {"Meta"}


def test_every_class_name_is_defined_once() -> None:
    files = defaultdict[str, list[str]](list)
    for path in sorted(APP.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(path.relative_to(APP).as_posix())
    assert len(files) > 100
    repeated = {name: paths for name, paths in files.items() if len(paths) > 1}
    assert {name: paths for name, paths in repeated.items() if name not in ALLOWED} == {}
    assert ALLOWED == repeated.keys(), "a name that is allowed is no longer repeated"
    for name in SCHEMAS:
        assert sum(path.endswith("response_schema.py") for path in repeated[name]) == 1
        assert len(repeated[name]) == 2
