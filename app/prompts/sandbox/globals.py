"""transformers' additions to Jinja for chat templates: global names, a filter and a tag.

Source: `utils/chat_template_utils.py` of transformers 5.23.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.utils import Namespace, generate_lorem_ipsum

from app.prompts.sandbox.budget import BUDGET
from app.prompts.sandbox.json_object import dump_json


class Generation(Extension):
    """`{% generation %}` marks the assistant's tokens for training. Here it is an ordinary block
    with a scope, as in transformers."""

    tags = {"generation"}  # noqa: RUF012  # Jinja's declaration

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_render_body"), [], [], body).set_lineno(line)

    @pass_eval_context
    def _render_body(self, context: nodes.EvalContext, caller: Callable[[], str]) -> str:
        return caller()


class _Dict:
    """`dict` as a function, without a class's attributes that lead to Python's internals."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, keys: Iterable[Any], value: Any = None) -> dict[Any, Any]:
        BUDGET.get().measure(keys)
        return dict.fromkeys(keys, value)


class _Namespace(Namespace):
    """Refuses attributes with a leading underscore, as transformers does."""

    def __init__(*args: Any, **kwargs: Any) -> None:  # a template may name one "self"
        self, *rest = args
        attributes = dict(*rest, **kwargs)
        for name in attributes:
            _refuse_private(name)
        Namespace.__init__(self, attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _refuse_private(name)
        Namespace.__setitem__(self, name, value)


def _refuse_private(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"a namespace takes no attribute with an underscore: {name!r}")


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    # Jinja's own filter escapes for HTML, which a model would read.
    if not (ensure_ascii or sort_keys or indent is not None or separators):
        return dump_json(value)
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise_exception(message: object) -> NoReturn:
    BUDGET.get().measure(message)
    raise TemplateError(str(message))


def _strftime_now(format: str) -> str:
    BUDGET.get().check_number(len(format), 1_000)
    return datetime.now().strftime(format)


def _lipsum(n: int = 5, html: bool = True, min: int = 20, max: int = 100) -> str:
    for count in (n, max):
        BUDGET.get().check_number(count, 1_000)
    return generate_lorem_ipsum(n, html, min, max)


GLOBALS: dict[str, object] = {
    "raise_exception": _raise_exception,
    "strftime_now": _strftime_now,
    "dict": _Dict(),
    "namespace": _Namespace,
    "lipsum": _lipsum,
}
