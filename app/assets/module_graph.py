"""Which modules import which, read one after the other as they are met.

Knows nothing about what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable

from app.assets.es_module import BundleError, Import, Module, read_module

Read = Callable[[str], str]  #: a path's text; BundleError where there is none


class ModuleGraph:
    """The modules that have been read, and which of them are loaded later by one of them."""

    def __init__(self, read: Read) -> None:
        self.modules: dict[str, Module] = {}
        self.dynamic_entries: set[str] = set()
        self._read = read

    def module(self, path: str) -> Module:
        """The module of this path."""
        if path not in self.modules:
            self.modules[path] = read_module(path, self._read(path))
            self.dynamic_entries.update(self.modules[path].dynamic_imports)
        return self.modules[path]

    def execution_order(self, path: str) -> list[str]:
        """What runs when this module is imported, in order; it is the last."""
        done: list[str] = []
        self._walk(path, done, [])
        return done

    def _walk(self, path: str, done: list[str], above: list[str]) -> None:
        if path in above:
            circle = " > ".join([*above[above.index(path) :], path])
            raise BundleError(f"modules import in a circle: {circle}")
        if path in done:
            return
        for each in self.module(path).imports:
            self._walk(each.path, done, [*above, path])
            _check_exports(path, each, self.module(each.path))
        done.append(path)

    def reachable(self, entry: str) -> list[str]:
        """All that a page with this module can ever load, what comes later after the rest."""
        found = self.execution_order(entry)
        for path in found:  # which grows
            for later in self.module(path).dynamic_imports:
                found += [each for each in self.execution_order(later) if each not in found]
        return found


def _check_exports(path: str, wanted: Import, module: Module) -> None:
    exported = {name for name, _ in module.exports} | {"*"}
    if missing := [name for name, _ in wanted.names if name not in exported]:
        raise BundleError(f"{path}: {module.path} exports no {missing[0]}")
