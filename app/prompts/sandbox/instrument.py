"""Inserts counters into a parsed template where Jinja's sandbox has no hook.

The counters are filters whose names begin with a space, so that no template can use them.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

#: The names of the counters.
STEP, ITERATE, CONCATENATE, COPY, COMPARE = " step", " iterate", " concatenate", " copy", " compare"
_NODES_PER_STEP = 8

LoopNode = TypeVar("LoopNode", nodes.For, nodes.Macro, nodes.CallBlock)


class _Counters(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.For:
        """Count the iterations of a loop, and the items that its condition skips."""
        if node.test is not None:
            node.iter = _counter_filter(ITERATE, cast(nodes.Expr, node.iter))
        return self._with_step_counter(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Macro:
        """Count the calls of a macro."""
        return self._with_step_counter(node)

    def visit_CallBlock(self, node: nodes.CallBlock) -> nodes.CallBlock:
        """Count the calls of a macro's `caller`."""
        return self._with_step_counter(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        """Count the string that `a ~ b` creates."""
        self.generic_visit(node)
        first, *rest = node.nodes
        return _counter_filter(CONCATENATE, first, *rest)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        """Count slices, which are copies."""
        self.generic_visit(node)
        return _counter_filter(COPY, node) if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:
        """Count comparisons, which visit all nested items."""
        self.generic_visit(node)
        node.expr = _with_comparison_counter(node.expr)
        for operand in node.ops:
            operand.expr = _with_comparison_counter(operand.expr)
        return node

    def _with_step_counter(self, node: LoopNode) -> LoopNode:
        size, text = _size(node.body)
        self.generic_visit(node)
        weight = nodes.Const(1 + size // _NODES_PER_STEP)
        count = nodes.ExprStmt(_counter_filter(STEP, weight, nodes.Const(text)))
        node.body.insert(0, count)
        return node


def add_counters(template: nodes.Template) -> nodes.Template:
    """Insert the counters into `template`."""
    environment = template.environment
    result: nodes.Template = _Counters().visit(template)
    if environment is not None:
        result.set_environment(environment)
    return result


def _counter_filter(name: str, node: nodes.Expr, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=node.lineno)


def _with_comparison_counter(node: nodes.Expr) -> nodes.Expr:
    literal = isinstance(node, nodes.Const) or (
        isinstance(node, nodes.List | nodes.Tuple)
        and all(isinstance(item, nodes.Const) for item in node.items)
    )
    return node if literal else _counter_filter(COMPARE, node)


def _size(body: list[nodes.Node]) -> tuple[int, int]:
    """The number of nodes in a body, and the characters of text in them, without the bodies of
    nested loops and macros, which have counters of their own."""
    size = text = 0
    stack: list[Any] = list(body)
    while stack:
        node = stack.pop()
        size += 1
        if isinstance(node, nodes.TemplateData):
            text += len(node.data)
        if not isinstance(node, nodes.For | nodes.Macro | nodes.CallBlock):
            stack.extend(node.iter_child_nodes())
    return size, text
