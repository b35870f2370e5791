"""Bundles a page's ES modules into chunks: an entry chunk, and one for each dynamic import.

Each module becomes a function that is called immediately, in the order in which a browser would
run the modules, and returns the module's exports:

    export const js_bars_js = (() => {
    const { copy } = js_clipboard_js;
    ...
    return { bars };
    })();

Modules that several dynamic imports share, and that are not in the entry chunk, go to a shared
chunk for these imports, so that no page loads a module twice.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping

from app.assets.es_module import BundleError, Import, Module
from app.assets.module_graph import ModuleGraph, Read
from app.assets.strip_comments import strip_comments


def bundle_modules(entry: str, read: Read) -> dict[str, str]:
    """The chunks' texts by file name; the first is the entry chunk.

    Raises:
        BundleError: a module is missing or has unsupported syntax, or imports form a cycle.
    """
    graph = ModuleGraph(read)
    initial = graph.execution_order(entry)
    dynamic = list(
        dict.fromkeys(path for path in graph.reachable(entry) if path in graph.dynamic_entries)
    )
    entries_of: dict[str, frozenset[str]] = dict.fromkeys(initial, frozenset((entry,)))
    for path in dynamic:
        for dependency in graph.execution_order(path):
            if dependency not in initial:
                entries_of[dependency] = entries_of.get(dependency, frozenset()) | {path}
    chunk_of = {path: _file_name(entry, of) for path, of in entries_of.items()}
    _check_names(entries_of, chunk_of)
    files: dict[str, list[str]] = {}
    for path, chunk in chunk_of.items():
        files.setdefault(chunk, []).append(path)
    return {chunk: _chunk_text(chunk, paths, graph, chunk_of) for chunk, paths in files.items()}


def _file_name(entry: str, entries_of: frozenset[str]) -> str:
    name = _stem(entry)
    return (
        f"{name}.js"
        if entry in entries_of
        else f"{name}.{'-'.join(sorted(map(_stem, entries_of)))}.js"
    )


def _stem(path: str) -> str:
    return posixpath.basename(path).removesuffix(".js")


def _identifier(path: str) -> str:
    return re.sub(r"\W", "_", path)


def _check_names(entries_of: Mapping[str, frozenset[str]], chunk_of: Mapping[str, str]) -> None:
    """Reject paths that differ in punctuation only (same identifier) and chunks of one name."""
    if len(set(map(_identifier, entries_of))) < len(entries_of):
        raise BundleError(f"names of modules clash: {sorted(entries_of)}")
    if len(set(chunk_of.values())) < len(set(entries_of.values())):
        raise BundleError(f"names of modules clash: {sorted(chunk_of)}")


def _chunk_text(
    chunk: str, paths: list[str], graph: ModuleGraph, chunk_of: Mapping[str, str]
) -> str:
    def load(path: str) -> str:
        # Request all needed chunks at once, not each after the one that imports it.
        needed = list(
            dict.fromkeys(
                chunk_of[dependency] for dependency in reversed(graph.execution_order(path))
            )
        )
        imports = [
            f'import("./{dependency}")'
            for dependency in needed
            if dependency == chunk_of[path] or dependency in dynamic_chunks
        ]
        return f"Promise.all([{', '.join(imports)}]).then(([file]) => file.{_identifier(path)})"

    dynamic_chunks = set(chunk_of.values()) - {next(iter(chunk_of.values()))}
    imported: dict[str, set[str]] = {}
    for path in paths:
        for dependency in graph.module(path).imports:
            if chunk_of[dependency.path] != chunk:
                imported.setdefault(chunk_of[dependency.path], set()).add(
                    _identifier(dependency.path)
                )
    head = [
        f'import {{ {", ".join(sorted(names))} }} from "./{other}";'
        for other, names in sorted(imported.items())
    ]
    return "\n".join([*head, *(_wrap_module(graph.module(path), load) for path in paths), ""])


def _wrap_module(module: Module, load: Callable[[str], str]) -> str:
    body = module.replace_dynamic_imports(load)
    if not module.path.startswith("vendor/"):  # vendored comments may contain licences
        body = strip_comments(body)
    lines = [
        f"// {module.path}",
        f"export const {_identifier(module.path)} = (() => {{",
        *map(_import_line, module.imports),
        body.strip("\n"),
        f"return {{ {', '.join(_property(*pair) for pair in module.exports)} }};",
        "})();",
    ]
    return "\n".join(line for line in lines if line)


def _import_line(wanted: Import) -> str:
    """An import statement as an assignment from the imported module's object."""
    module = _identifier(wanted.path)
    names = ", ".join(_property(*pair) for pair in wanted.names if pair[0] != "*")
    lines = [f"const {{ {names} }} = {module};"] if names else []
    return "\n".join(
        lines + [f"const {n} = {module};" for outer, n in wanted.names if outer == "*"]
    )


def _property(outer: str, inner: str) -> str:
    return outer if outer == inner else f"{outer}: {inner}"
