"""Marshmallow fields with the contract's rules: exact JSON types, closed ranges, no conversions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from marshmallow import ValidationError, fields, missing

_INT64_MAX = 2**63 - 1

JsonSchema = dict[str, Any]
Item = TypeVar("Item")


@runtime_checkable
class Nested(Protocol):
    """A field whose value is an object with keys."""

    def unread(self, value: Any) -> Iterator[str]:
        """Dotted paths, below the field, of what a valid `value` gives and nothing reads; ""
        is the field itself."""


def unread_keys(value: Mapping[str, object], *known: str) -> Iterator[str]:
    """The keys of an object that are not `known`; null counts as not given."""
    return (key for key, item in value.items() if item is not None and key not in known)


def below(path: str | int, paths: Iterable[str]) -> Iterator[str]:
    """Dotted paths as they are seen from outside of what `path` leads to."""
    return (f"{path}.{inner}" if inner else str(path) for inner in paths)


def read_items(values: Iterable[object], read: Callable[[Any], Item]) -> tuple[Item, ...]:
    """Each item of a JSON array as `read` reads it.

    Raises:
        ValidationError: what is wrong with the first bad item, below its index.
    """
    items = []
    for index, value in enumerate(values):
        try:
            items.append(read(value))
        except ValidationError as error:
            raise ValidationError({index: error.messages}) from None
    return tuple(items)


def as_integer(value: object) -> int | None:
    """A JSON number without a fraction as an int: 5, and 5.0, which some languages' encoders
    write; None for anything else, true and "3" among it."""
    if type(value) is int:
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


class StrictInteger(fields.Field[int]):
    """A whole number in a closed range. `absent`: a number outside it that other servers take
    for "not given"."""

    def __init__(
        self,
        minimum: int = -_INT64_MAX - 1,
        maximum: int = _INT64_MAX,
        *,
        absent: int | None = None,
        required: bool = False,
    ) -> None:
        super().__init__(required=required, error_messages={"required": "is required"})
        self.minimum, self.maximum, self.absent = minimum, maximum, absent

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        number = as_integer(value)
        if number is not None and number == self.absent:
            return missing  # type: ignore[return-value]  # marshmallow leaves the field out
        if number is not None and self.minimum <= number <= self.maximum:
            return number
        raise ValidationError(f"must be a whole number{self._range()}")

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        schema: JsonSchema = {"type": "integer"}
        if self.minimum > -_INT64_MAX:
            schema["minimum"] = self.minimum
        if self.maximum < _INT64_MAX:
            schema["maximum"] = self.maximum
        return schema if self.absent is None else {"anyOf": [schema, {"enum": [self.absent]}]}

    def _range(self) -> str:
        if self.maximum < _INT64_MAX:
            return f" from {self.minimum} to {self.maximum}"
        return f", {self.minimum} or more" if self.minimum > -_INT64_MAX else ""


class StrictNumber(fields.Field[float]):
    """A JSON number in a closed range, or one open at its lower end."""

    def __init__(self, minimum: float, maximum: float, *, above_minimum: bool = False) -> None:
        super().__init__()
        self.minimum, self.maximum, self.above_minimum = minimum, maximum, above_minimum

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        # Written so that NaN fails.
        if type(value) in (int, float) and self.minimum <= value <= self.maximum:
            if not (self.above_minimum and value == self.minimum):
                return float(value)
        low = f"above {self.minimum:g}" if self.above_minimum else f"from {self.minimum:g}"
        raise ValidationError(f"must be a number {low} to {self.maximum:g}")

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        low = "exclusiveMinimum" if self.above_minimum else "minimum"
        return {"type": "number", low: self.minimum, "maximum": self.maximum}


class StrictBoolean(fields.Field[bool]):
    """true or false; 1, "yes" and the like are none."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise ValidationError("must be true or false")

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"type": "boolean"}


class StrictString(fields.Field[str]):
    """A string, or one of `choices`."""

    def __init__(self, *choices: str) -> None:
        super().__init__()
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be a string")
        if self.choices and value not in self.choices:
            raise ValidationError("must be one of " + ", ".join(f'"{c}"' for c in self.choices))
        return value

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"type": "string", **({"enum": list(self.choices)} if self.choices else {})}


class Unsupported(fields.Field[None]):
    """A field that would change the answer and is not served: refused, unless it carries one
    of the values that ask for nothing (`no_op`)."""

    def __init__(self, *no_op: object) -> None:
        super().__init__()
        self.no_op = no_op

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> None:
        if not any(_same(value, allowed) for allowed in self.no_op):
            raise ValidationError("is not supported by this server")

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"enum": list(self.no_op), "x-refused": True}


def refused(names: Mapping[str, tuple[object, ...]]) -> dict[str, fields.Field[None]]:
    """A refused field for each name, with the values that ask for nothing."""
    return {name: Unsupported(*no_op) for name, no_op in names.items()}


class Ignored(fields.Field[None]):
    """A field that is accepted with any value and has no effect."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> None:
        return None

    def json_schema(self) -> JsonSchema:
        """What the field may be, for the API's description."""
        return {"x-without-effect": True}


def _same(value: object, allowed: object) -> bool:
    """Equal as JSON: false is not 0, but 0 is 0.0."""
    return value == allowed and isinstance(value, bool) == isinstance(allowed, bool)
