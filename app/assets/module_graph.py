"""The import graph of ES modules; each file is read and parsed once, when it is first needed."""

from __future__ import annotations

from collections.abc import Callable

from app.assets.es_module import BundleError, Import, Module, read_module

Read = Callable[[str], str]  #: the text of a path; raises BundleError if missing


class ModuleGraph:
    """The modules read so far, and those that one of them imports dynamically."""

    def __init__(self, read: Read) -> None:
        self.modules: dict[str, Module] = {}
        self.dynamic_entries: set[str] = set()
        self._read = read

    def module(self, path: str) -> Module:
        """The parsed module."""
        if path not in self.modules:
            self.modules[path] = read_module(path, self._read(path))
            self.dynamic_entries.update(self.modules[path].dynamic_imports)
        return self.modules[path]

    def execution_order(self, path: str) -> list[str]:
        """The modules that run when `path` is imported, dependencies first, `path` last."""
        done: list[str] = []
        self._walk(path, done, [])
        return done

    def _walk(self, path: str, done: list[str], above: list[str]) -> None:
        if path in above:
            cycle = " > ".join([*above[above.index(path) :], path])
            raise BundleError(f"circular import of modules: {cycle}")
        if path in done:
            return
        for each in self.module(path).imports:
            self._walk(each.path, done, [*above, path])
            _check_exports(path, each, self.module(each.path))
        done.append(path)

    def reachable(self, entry: str) -> list[str]:
        """All modules that `entry` can load; dynamically imported ones last."""
        paths = self.execution_order(entry)
        for path in paths:  # grows inside the loop
            for dynamic in self.module(path).dynamic_imports:
                paths += [each for each in self.execution_order(dynamic) if each not in paths]
        return paths


def _check_exports(path: str, wanted: Import, module: Module) -> None:
    exported = {name for name, _ in module.exports} | {"*"}
    if missing := [name for name, _ in wanted.names if name not in exported]:
        raise BundleError(f"{path}: {module.path} does not export {missing[0]}")
