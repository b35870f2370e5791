"""Puts counters into a parsed template wherever Jinja's sandbox has no hook of its own.

Knows nothing about what is counted: the counters are filters that no template can spell.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

#: The counters' names, which begin with a blank.
STEP, EACH, JOINED, COPIED, COMPARED = " step", " each", " joined", " copied", " compared"
_NODES_PER_STEP = 8

B = TypeVar("B", nodes.For, nodes.Macro, nodes.CallBlock)


class _Counters(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:
        """A loop counts its rounds, and what its condition drops."""
        if node.test is not None:
            node.iter = _counter(EACH, cast(nodes.Expr, node.iter))
        return self._with_step(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        """A macro counts its calls."""
        return self._with_step(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock:
        """So does the block that is given to one."""
        return self._with_step(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """`a ~ b` makes a string."""
        self.generic_visit(node)
        first, *rest = node.nodes
        return _counter(JOINED, first, *rest)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """A slice is a copy."""
        self.generic_visit(node)
        return _counter(COPIED, node) if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        """Comparing goes as deep as its two sides do."""
        self.generic_visit(node)
        node.expr = _compared(node.expr)
        for operand in node.ops:
            operand.expr = _compared(operand.expr)
        return node

    def _with_step(self, node: B) -> B:
        size, text = _size_of(node.body)
        self.generic_visit(node)
        weight = nodes.Const(1 + size // _NODES_PER_STEP)
        count = nodes.ExprStmt(_counter(STEP, weight, nodes.Const(text)))
        node.body.insert(0, count)
        return node


def add_counters(template: nodes.Template) -> nodes.Template:
    """The same template, counting."""
    environment = template.environment
    counted: nodes.Template = _Counters().visit(template)
    if environment is not None:
        counted.set_environment(environment)
    return counted


def _counter(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _compared(node: nodes.Expr) -> nodes.Expr:
    literal = isinstance(node, nodes.Const) or (
        isinstance(node, nodes.List | nodes.Tuple)
        and all(isinstance(item, nodes.Const) for item in node.items)
    )
    return node if literal else _counter(COMPARED, node)


def _size_of(body: list[nodes.Node]) -> tuple[int, int]:
    """How many nodes run when a body does, and the characters of text in them: without the
    bodies inside it, which count for themselves."""
    size = text = 0
    parts: list[Any] = list(body)
    while parts:
        node = parts.pop()
        size += 1
        if isinstance(node, nodes.TemplateData):
            text += len(node.data)
        if not isinstance(node, nodes.For | nodes.Macro | nodes.CallBlock):
            parts.extend(node.iter_child_nodes())
    return size, text
