"""Which names this repository's Python code defines, found by ast: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def resolves(name: str) -> bool:
    """Whether `name`, such as "app.engine.core.EngineCore.step", is a module or defined in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = _module_file(parts[:length])
        if path is not None:
            return defines(path, parts[length:])
    return False


def defines(path: Path, names: list[str]) -> bool:
    """Whether the module at `path` defines `names`: none, a name, or a class and its member."""
    if not names:
        return True
    if len(names) > 2 or names[0] not in _top_level(path):
        return False
    return len(names) == 1 or names[1] in _members(path, names[0])


@cache
def all_names(path: Path) -> frozenset[str]:
    """What a module defines at its top level and in its classes."""
    top = set(_top_level(path))
    return frozenset(top.union(*(_members(path, name) for name in top)))


def classes(path: Path) -> set[str]:
    """The classes that a module defines, and its type aliases."""
    top = _top_level(path).items()
    return {name for name, what in top if not isinstance(what, str) or not what} - {
        name for name, _ in top if not name[0].isupper() or name.isupper()
    }


def _module_file(parts: list[str]) -> Path | None:
    """The file of a module or package; the folder, if a package has no __init__.py."""
    base = ROOT.joinpath(*parts)
    for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if path.is_file():
            return path
    return base if base.is_dir() and any(base.glob("*.py")) else None


@cache
def _top_level(path: Path) -> dict[str, _Definition | str]:
    """By name: a class or function, the full name of what is imported, or "" for a variable."""
    found: dict[str, _Definition | str] = {}
    if path.is_dir():
        return found
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")).body):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                found[node.name] = node
            case ast.ImportFrom(module=str(module)):
                found |= {item.asname or item.name: f"{module}.{item.name}" for item in node.names}
            case _:
                found |= dict.fromkeys(_assigned(node), "")
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Also those below `if`, `try` and `with`."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With):
            yield from _statements([*node.body, *getattr(node, "orelse", [])])


def _assigned(node: ast.stmt) -> Iterator[str]:
    """The variables that an assignment defines, those of `a, b = …` too."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    for target in targets:
        for part in ast.walk(target) if target is not None else ():
            if isinstance(part, ast.Name):
                yield part.id


def _members(path: Path, name: str) -> set[str]:
    """A class's methods, fields and attributes set on `self`, those of bases of ours too."""
    definition = _top_level(path).get(name)
    if isinstance(definition, str) and definition:  # imported into this module
        module, _, imported = definition.rpartition(".")
        source = _module_file(module.split("."))
        return _members(source, imported) if source else set()
    if not isinstance(definition, ast.ClassDef):
        return set()
    found = {
        node.attr
        for node in ast.walk(definition)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    }
    for node in definition.body:
        if isinstance(node, _Definition):
            found.add(node.name)
        found |= set(_assigned(node))
    bases = [base.id for base in definition.bases if isinstance(base, ast.Name)]
    return found.union(*(_members(path, base) for base in bases if base != name))
