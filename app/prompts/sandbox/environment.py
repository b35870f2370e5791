"""The Jinja that chat templates are written for: transformers' names, in a sandbox that counts.

Knows nothing about conversations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from jinja2 import TemplateRuntimeError, pass_context
from jinja2.ext import loopcontrols
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from app.prompts.sandbox import instrument
from app.prompts.sandbox.budget import METER
from app.prompts.sandbox.filters import metered_filter, metered_test
from app.prompts.sandbox.globals import GLOBALS, Generation, to_json
from app.prompts.sandbox.operators import check_method, check_operator
from app.prompts.sandbox.string_formatting import MeteredEscapeFormatter, MeteredFormatter


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """Renders inside a `meter.METER` only."""

    # All of them: also a number can grow without bound.
    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "**", "%"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[Generation, loopcontrols],
            finalize=_written,
            optimized=False,  # nothing is computed before there is a meter
        )
        self.filters["tojson"] = to_json
        self.filters = {name: metered_filter(name, f) for name, f in self.filters.items()}
        tests = cast("dict[str, Callable[..., Any]]", self.tests)
        self.tests = {name: metered_test(name, f) for name, f in tests.items()}
        self.filters |= _COUNTERS
        self.globals |= GLOBALS

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operator of the template's."""
        meter = METER.get()
        check_operator(meter, operator, left, right)
        return meter.made(super().call_binop(context, operator, left, right))

    # Jinja's own names: a template's keyword arguments must not meet them.
    def call(
        __self,
        __context: Context,
        __obj: Any,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        """A call of the template's."""
        meter = METER.get()
        meter.step(4 + (len(args) >> 4))
        if isinstance(__obj, LoopContext):
            args = (meter.each(args[0]), *args[1:]) if args else args
        else:
            args = check_method(meter, __obj, args, kwargs.values())
        return meter.made(super().call(__context, __obj, *args, **kwargs))

    def call_filter(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """A filter whose name is only known now, as `map`'s: not one of the counters."""
        if name in _COUNTERS:
            raise TemplateRuntimeError(f"No filter named {name!r}.")
        return super().call_filter(name, *args, **kwargs)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """`obj[argument]`, not a slice."""
        if isinstance(argument, tuple):  # its hash goes as deep as it does
            METER.get().weigh(argument)
        return super().getitem(obj, argument)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` and `format_map`, sandboxed and counted."""
        if super().wrap_str_format(value) is None:
            return None
        text, by_mapping = value.__self__, value.__name__ == "format_map"
        formatter = (
            MeteredEscapeFormatter(self, escape=text.escape)
            if isinstance(text, Markup)
            else MeteredFormatter(self)
        )

        def run(*args: Any, **kwargs: Any) -> str:
            if by_mapping:
                (kwargs,), args = args, ()
            made: str = type(text)(formatter.vformat(text, args, kwargs))
            return made

        return run


_ATOMS = frozenset([bool, int, float, type(None)])


@pass_context
def _written(context: Context, value: Any) -> Any:
    """What `{{ }}` writes, counted; Jinja makes the text of it."""
    meter = METER.get()
    meter.take(meter.weigh(value))
    return value


@pass_context
def _step(context: Context, steps: int, text: int) -> None:
    meter = METER.get()
    meter.step(steps)
    meter.take(text)


@pass_context
def _each(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    return METER.get().each(values)


@pass_context
def _joined(context: Context, *values: Any) -> str:
    meter = METER.get()
    meter.fits(sum(map(meter.weigh, values)))
    join = markup_join if context.eval_ctx.autoescape else str_join
    text: str = meter.made(join(values))
    return text


@pass_context
def _copied(context: Context, value: Any) -> Any:
    return METER.get().made(value)


@pass_context
def _compared(context: Context, value: Any) -> Any:
    if type(value) not in _ATOMS:
        meter = METER.get()
        meter.step(meter.weigh(value) >> 6)
    return value


_COUNTERS: dict[str, Callable[..., Any]] = {
    instrument.STEP: _step,
    instrument.EACH: _each,
    instrument.JOINED: _joined,
    instrument.COPIED: _copied,
    instrument.COMPARED: _compared,
}
