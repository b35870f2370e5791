"""One setting: a field of `config.Config` with its parser, group and help text.

Imports the standard library only.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")


_DEFAULT = re.compile(r" \(default: (.+)\)$")


@dataclass(frozen=True, slots=True)
class Setting:
    """What the command line and the documents show of a setting."""

    name: str
    group: str
    metavar: str  #: stands for the value; "" for a switch
    help: str
    default_text: str  #: the default as a value or in words; "": none
    example: str  #: a value that `config.Config.from_env` accepts

    @property
    def flag(self) -> str:
        """Such as `--base_model`."""
        return f"--{self.name.lower()}"


def setting(
    default: T, parse: Callable[[str], T], group: str, metavar: str = "", *, example: str = ""
) -> T:
    """A dataclass field. The string literal below it is its help, which ends in
    "(default: ...)" where the default is computed, empty or a tuple.

    Args:
        parse: reads the value from text; raises ValueError.
        metavar: stands for the value in the help; "" for a switch.
        example: a value, where the default is not one.
    """
    metadata = {"parse": parse, "group": group, "metavar": metavar, "example": example}
    result: T = field(default=default, metadata=metadata)
    return result


def settings_by_group(config: type[Any]) -> dict[str, list[Setting]]:
    """By group, the settings of a dataclass whose fields were made by `setting`, in order."""
    texts = _field_docstrings(config)
    groups: dict[str, list[Setting]] = {}
    for item in fields(config):
        group, metavar, example = (item.metadata[key] for key in ("group", "metavar", "example"))
        written = _DEFAULT.search(texts[item.name])
        value = "" if item.default in (None, False, "", ()) else str(item.default)
        default_text = written[1] if written else value
        found = Setting(
            name=item.name,
            group=group,
            metavar=metavar,
            help=_DEFAULT.sub("", texts[item.name]),
            default_text=default_text,
            example=example or (default_text if metavar else "1"),
        )
        groups.setdefault(group, []).append(found)
    return groups


def _field_docstrings(config: type[Any]) -> dict[str, str]:
    """By field, the string literal that follows it in the source: Python does not keep it."""
    (definition,) = ast.parse(inspect.getsource(config)).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                texts[name] = " ".join(text.split())
    return texts
