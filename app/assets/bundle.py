"""Joins a page's ES modules into few files: one that comes with the page, one for each part that
comes when it is needed.

Knows nothing about HTTP. Every module becomes a function that is called at once, in the order in
which a browser would run the modules; what it returns is what the module exports:

    export const js_bars_js = (() => {
    const { copy } = js_clipboard_js;
    ...
    return { bars };
    })();

A module that several later parts share, and the page does not bring, gets a file with the others
that the same parts share, so that no page ever has a module twice.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from app.assets.es_module import Import, JoinError, Module
from app.assets.module_graph import ModuleGraph, Read
from app.assets.strip_comments import without_comments


def join_modules(entry: str, read: Read) -> dict[str, str]:
    """The joined files, by name; the first is to be loaded with the page.

    Raises:
        JoinError: a module is missing or not written as it should be, or they import in a circle.
    """
    graph = ModuleGraph(read)
    first = graph.reached(entry)
    later = list(dict.fromkeys(path for path in graph.all_below(entry) if path in graph.later))
    users: dict[str, frozenset[str]] = dict.fromkeys(first, frozenset((entry,)))
    for path in later:
        for each in graph.reached(path):
            if each not in first:
                users[each] = users.get(each, frozenset()) | {path}
    homes = {path: _file_name(entry, of) for path, of in users.items()}
    _check_names(users, homes)
    files: dict[str, list[str]] = {}
    for path, home in homes.items():
        files.setdefault(home, []).append(path)
    return {home: _joined(home, paths, graph, homes) for home, paths in files.items()}


def _file_name(entry: str, users: frozenset[str]) -> str:
    name = _stem(entry)
    return f"{name}.js" if entry in users else f"{name}.{'-'.join(sorted(map(_stem, users)))}.js"


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".js")


def _identifier(path: str) -> str:
    return re.sub(r"\W", "_", path)


def _check_names(users: Mapping[str, frozenset[str]], homes: Mapping[str, str]) -> None:
    """Two paths that only differ in signs would be one identifier, two folders' files one file."""
    if len(set(map(_identifier, users))) < len(users):
        raise JoinError(f"two of these modules need other names: {sorted(users)}")
    if len(set(homes.values())) < len(set(users.values())):
        raise JoinError(f"two of these modules need other names: {sorted(homes)}")


def _joined(home: str, paths: list[str], graph: ModuleGraph, homes: Mapping[str, str]) -> str:
    def load(path: str) -> str:
        # All files that it needs are asked for at once, not one after the other has told of it.
        needed = list(dict.fromkeys(homes[each] for each in reversed(graph.reached(path))))
        asked = [f'import("./{each}")' for each in needed if each == homes[path] or each in late]
        return f"Promise.all([{', '.join(asked)}]).then(([file]) => file.{_identifier(path)})"

    late = set(homes.values()) - {next(iter(homes.values()))}
    elsewhere: dict[str, set[str]] = {}
    for path in paths:
        for each in graph.module(path).imports:
            if homes[each.path] != home:
                elsewhere.setdefault(homes[each.path], set()).add(_identifier(each.path))
    head = [
        f'import {{ {", ".join(sorted(names))} }} from "./{other}";'
        for other, names in sorted(elsewhere.items())
    ]
    return "\n".join([*head, *(_wrapped(graph.module(path), load) for path in paths), ""])


def _wrapped(module: Module, load: Callable[[str], str]) -> str:
    body = module.with_later(load)
    if not module.path.startswith("vendor/"):  # others' comments may be their licence
        body = without_comments(body)
    lines = [
        f"// {module.path}",
        f"export const {_identifier(module.path)} = (() => {{",
        *map(_taken, module.imports),
        body.strip("\n"),
        f"return {{ {', '.join(_property(*pair) for pair in module.exports)} }};",
        "})();",
    ]
    return "\n".join(line for line in lines if line)


def _taken(wanted: Import) -> str:
    """The names of an import statement, taken from what the other module's function returned."""
    module = _identifier(wanted.path)
    names = ", ".join(_property(*pair) for pair in wanted.names if pair[0] != "*")
    taken = [f"const {{ {names} }} = {module};"] if names else []
    return "\n".join(
        taken + [f"const {n} = {module};" for outer, n in wanted.names if outer == "*"]
    )


def _property(outer: str, inner: str) -> str:
    return outer if outer == inner else f"{outer}: {inner}"
