"""The Jinja environment of chat templates: transformers' extensions, sandboxed and budgeted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from jinja2 import TemplateRuntimeError, pass_context
from jinja2.ext import loopcontrols
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from app.prompts.sandbox import instrument
from app.prompts.sandbox.budget import BUDGET
from app.prompts.sandbox.filters import budgeted_filter, budgeted_test
from app.prompts.sandbox.globals import GLOBALS, Generation, to_json
from app.prompts.sandbox.operators import check_method, check_operator
from app.prompts.sandbox.string_formatting import BudgetedEscapeFormatter, BudgetedFormatter


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox whose templates can only be rendered while `budget.BUDGET` is set."""

    # All arithmetic operators, because numbers can grow without bound.
    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "**", "%"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[Generation, loopcontrols],
            finalize=_charge_output,
            optimized=False,  # no constant folding: it would run before a budget is set
        )
        self.filters["tojson"] = to_json
        self.filters = {name: budgeted_filter(name, f) for name, f in self.filters.items()}
        tests = cast("dict[str, Callable[..., Any]]", self.tests)
        self.tests = {name: budgeted_test(name, f) for name, f in tests.items()}
        self.filters |= _COUNTERS
        self.globals |= GLOBALS

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Evaluate a binary operator."""
        budget = BUDGET.get()
        check_operator(budget, operator, left, right)
        return budget.charge(super().call_binop(context, operator, left, right))

    # Jinja's parameter names, which cannot collide with keyword arguments of a template.
    def call(
        __self,
        __context: Context,
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """Call a function or method."""
        budget = BUDGET.get()
        budget.spend_steps(4 + (len(args) >> 4))
        if isinstance(__obj, LoopContext):
            args = (budget.iterate(args[0]), *args[1:]) if args else args
        else:
            args = check_method(budget, __obj, args, kwargs.values())
        return budget.charge(super().call(__context, __obj, *args, **kwargs))

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a filter by a name that is known at run time, as `map` does. The counters are
        not available this way."""
        if name in _COUNTERS:
            raise TemplateRuntimeError(f"No filter named {name!r}.")
        return super().call_filter(name, *args, **kwargs)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`, but not slices."""
        if isinstance(argument, tuple):  # hashing visits all nested items
            BUDGET.get().measure(argument)
        return super().getitem(obj, argument)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` and `str.format_map`, sandboxed and budgeted."""
        if super().wrap_str_format(value) is None:
            return None
        text, by_mapping = value.__self__, value.__name__ == "format_map"
        formatter = (
            BudgetedEscapeFormatter(self, escape=text.escape)
            if isinstance(text, Markup)
            else BudgetedFormatter(self)
        )

        def run(*args: Any, **kwargs: Any) -> str:
            if by_mapping:
                (kwargs,), args = args, ()
            made: str = type(text)(formatter.vformat(text, args, kwargs))
            return made

        return run


_SCALARS = frozenset([bool, int, float, type(None)])


@pass_context
def _charge_output(context: Context, value: Any) -> Any:
    """Count the output of `{{ }}`, which Jinja converts to a string."""
    budget = BUDGET.get()
    budget.spend_bytes(budget.measure(value))
    return value


@pass_context
def _count_steps(context: Context, steps: int, text: int) -> None:
    budget = BUDGET.get()
    budget.spend_steps(steps)
    budget.spend_bytes(text)


@pass_context
def _count_items(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    return BUDGET.get().iterate(values)


@pass_context
def _concatenate(context: Context, *values: Any) -> str:
    budget = BUDGET.get()
    budget.check_bytes(sum(map(budget.measure, values)))
    join = markup_join if context.eval_ctx.autoescape else str_join
    text: str = budget.charge(join(values))
    return text


@pass_context
def _count_copy(context: Context, value: Any) -> Any:
    return BUDGET.get().charge(value)


@pass_context
def _count_comparison(context: Context, value: Any) -> Any:
    if type(value) not in _SCALARS:
        budget = BUDGET.get()
        budget.spend_steps(budget.measure(value) >> 6)
    return value


_COUNTERS: dict[str, Callable[..., Any]] = {
    instrument.STEP: _count_steps,
    instrument.ITERATE: _count_items,
    instrument.CONCATENATE: _concatenate,
    instrument.COPY: _count_copy,
    instrument.COMPARE: _count_comparison,
}
