"""Three hundred JSON schemas of thirty kinds that strain a grammar library, from a seed.

Each kind is a function of a random number generator; a kind's later
schemas are larger than its first ones.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Kind = Callable[[random.Random, int], Schema]
SIZES = 10


def closed(properties: Schema, required: list[str] | None = None) -> Schema:
    names = list(properties) if required is None else required
    return {
        "type": "object",
        "properties": properties,
        "required": names,
        "additionalProperties": False,
    }


def word(rng: random.Random, length: int = 6) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=length))


def scalar(rng: random.Random) -> Schema:
    return rng.choice(
        [
            {"type": "integer", "minimum": -9, "maximum": 99},
            {"type": "boolean"},
            {"type": "null"},
            {"type": "string", "maxLength": 4},
            {"enum": [word(rng), 3, None]},
        ]
    )


def small(rng: random.Random, size: int) -> Schema:
    return closed({f"p{number}": scalar(rng) for number in range(size + 1)})


def optional(rng: random.Random, size: int) -> Schema:
    return closed({f"{word(rng)}{number}": scalar(rng) for number in range(80 * (size + 1))}, [])


def optional_and_open(rng: random.Random, size: int) -> Schema:
    named = {f"{word(rng)}{number}": scalar(rng) for number in range(40 * (size + 1))}
    return {"type": "object", "properties": named, "additionalProperties": scalar(rng)}


def tree(rng: random.Random, size: int) -> Schema:
    children = {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 1 + size % 3}
    return {
        "$ref": "#/$defs/node",
        "$defs": {"node": closed({"value": scalar(rng), "children": children})},
    }


def linked_list(rng: random.Random, size: int) -> Schema:
    rest = {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/item"}]}
    return {
        "$ref": "#/$defs/item",
        "$defs": {"item": closed({"value": scalar(rng), "next": rest})},
    }


def endless_ring(rng: random.Random, size: int) -> Schema:
    following = {number: (number + 1) % (size + 1) for number in range(size + 1)}
    definitions = {
        f"d{number}": closed({"v": scalar(rng), "n": {"$ref": f"#/$defs/d{after}"}})
        for number, after in following.items()
    }
    return {"$ref": "#/$defs/d0", "$defs": definitions}


def endless_lists(rng: random.Random, size: int) -> Schema:
    ring = {"type": "array", "items": {"$ref": "#/$defs/a"}, "minItems": 1 + size}
    return {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [ring, closed({"a": ring})]}}}


def endless_branch(rng: random.Random, size: int) -> Schema:
    endless = closed({"next": {"$ref": "#/$defs/endless"}})
    return {
        **closed({"a": scalar(rng), "b": {"$ref": "#/$defs/endless"}}, ["a"]),
        "$defs": {"endless": endless},
    }


def chain(rng: random.Random, size: int) -> Schema:
    length = 100 * (size + 1)
    links = {f"d{n}": closed({"n": {"$ref": f"#/$defs/d{n + 1}"}}) for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": scalar(rng)}}


def chain_without_objects(rng: random.Random, size: int) -> Schema:
    length = 60 * (size + 1)
    links: Schema = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**links, f"d{length}": scalar(rng)}}


def multiples(rng: random.Random, size: int) -> Schema:
    return {"type": "integer", "multipleOf": rng.randrange(10**size, 10 ** (size + 1)) + 1}


def fractions(rng: random.Random, size: int) -> Schema:
    return {"type": "number", "multipleOf": 0.5 ** (size + 1), "minimum": 0, "maximum": 50}


def huge_bounds(rng: random.Random, size: int) -> Schema:
    edge = rng.choice([2**53, 2**62, 2**63 - 1]) - rng.randrange(1000)
    return {"type": "integer", "minimum": rng.choice([-edge, 0]), "maximum": edge}


def huge_numbers(rng: random.Random, size: int) -> Schema:
    edge = float(f"{rng.random():.6f}e{rng.randrange(5, 30) * (size + 1)}")
    return {"type": "number", "minimum": -edge, "exclusiveMaximum": edge}


def counted_letters(rng: random.Random, size: int) -> Schema:
    count = 2 ** (size + 4)
    return {"type": "string", "pattern": f"^{rng.choice('ab')}{{{count // 2},{count}}}$"}


def counted_classes(rng: random.Random, size: int) -> Schema:
    return {"type": "string", "pattern": f"^([a-f0-9]{{2}}-){{1,{3**size}}}[a-z]$"}


def optional_letters(rng: random.Random, size: int) -> Schema:
    count = 12 * (size + 1)
    return {"type": "string", "pattern": f"^(a?){{{count}}}a{{{count}}}$"}


def late_choice(rng: random.Random, size: int) -> Schema:
    return {"type": "string", "pattern": f"^(a|b)*a(a|b){{{3 * size + 2}}}$"}


def long_strings(rng: random.Random, size: int) -> Schema:
    length = 4**size
    return {"type": "string", "minLength": length // 2, "maxLength": length}


def pattern_names(rng: random.Random, size: int) -> Schema:
    patterns = {f"^{word(rng, 3)}{n}_[a-z]+$": scalar(rng) for n in range(12 * (size + 1))}
    return {"type": "object", "patternProperties": patterns, "additionalProperties": False}


def patterns_of_all(rng: random.Random, size: int) -> Schema:
    letters = rng.sample(string.ascii_lowercase, size + 2)
    return {"type": "string", "allOf": [{"pattern": f"^[a-z]*{each}[a-z]*$"} for each in letters]}


def nested_unions(rng: random.Random, size: int) -> Schema:
    inner: Schema = closed({"a": scalar(rng)})
    for _ in range(1 + size % 5):
        sides = [{"anyOf": [inner, closed({word(rng): scalar(rng)})]} for _ in range(2)]
        inner = {"allOf": sides}
    return inner


def unions(rng: random.Random, size: int) -> Schema:
    options = [
        closed({"kind": {"const": f"{word(rng)}{n}"}, "value": scalar(rng)})
        for n in range(50 * (size + 1))
    ]
    return {"anyOf": options}


def type_unions(rng: random.Random, size: int) -> Schema:
    types = rng.sample(["null", "boolean", "integer", "string"], 2 + size % 3)
    return {"type": types, "maxLength": size, "maximum": size}


def long_enums(rng: random.Random, size: int) -> Schema:
    return {"enum": [f"{word(rng, 12)} {n}" for n in range(300 * (size + 1))]}


def long_consts(rng: random.Random, size: int) -> Schema:
    return {"const": word(rng, 100 if size < 5 else 20_000 * (size - 4))}


def const_values(rng: random.Random, size: int) -> Schema:
    return {"const": {word(rng): list(range(30 * size)), 'é😀\n"\\': [None, True, {"a": -5}]}}


def many_required(rng: random.Random, size: int) -> Schema:
    names = [f"n{number}" for number in range(10 * (size + 1) if size < 8 else 5000 * (size - 7))]
    return {"type": "object", "required": names, "additionalProperties": {"type": "null"}}


def deep(rng: random.Random, size: int) -> Schema:
    inner = scalar(rng)
    for number in range(2 * (size + 1)):
        held = {"type": "array", "items": inner, "minItems": 1, "maxItems": 2}
        inner = closed({f"l{number}": inner}) if number % 2 else held
    return inner


def long_lists(rng: random.Random, size: int) -> Schema:
    return {"type": "array", "items": scalar(rng), "minItems": size, "maxItems": 4**size}


KINDS: tuple[Kind, ...] = (
    small, optional, optional_and_open, tree, linked_list, endless_ring, endless_lists,
    endless_branch, chain, chain_without_objects, multiples, fractions, huge_bounds, huge_numbers,
    counted_letters, counted_classes, optional_letters, late_choice, long_strings, pattern_names,
    patterns_of_all, nested_unions, unions, type_unions, long_enums, long_consts, const_values,
    many_required, deep, long_lists,
)  # fmt: skip


def all_schemas(seed: int = 1) -> list[tuple[str, Schema]]:
    """Name and schema, the same for the same seed."""
    return [
        (f"{kind.__name__} {size}", kind(random.Random(f"{seed} {kind.__name__} {size}"), size))
        for kind in KINDS
        for size in range(SIZES)
    ]
