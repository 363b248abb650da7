"""A copy of a function's modules for one environment, beside those of all others.

Two functions may both have a module `app`, and two environments of one function share no global.
`sys.modules` has one module of a name, so an environment is a package of its own there, such as
`Message@3`, whose path is the function's folders. An import within one of its modules is looked up
in it first: `import app` finds `Message@3.app`. What isn't in the folders is imported as ever, and
shared.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_MARK: Final = "@"
"""No identifier has it, so that no module outside is named like one of ours."""

_namespaces: dict[str, Namespace] = {}
_numbers = itertools.count(1)
_import_module = importlib.import_module


class Namespace:
    """The modules of one environment: `load_own`, and `unload` when it has ended."""

    def __init__(self, function: str, folders: Iterable[str]) -> None:
        """Take whose environment it is, and where modules are looked up."""
        self.prefix = f"{function}{_MARK}{next(_numbers)}"
        self._folders = list(folders)
        self._owned: dict[str, bool] = {}
        package = ModuleType(self.prefix)
        package.__path__ = self._folders
        sys.modules[self.prefix] = package
        _namespaces[self.prefix] = self

    def load_own(self, name: str) -> ModuleType:
        """Import one of the function's own modules, by the name that the function knows it by.

        Raises:
            ImportError: It isn't there; the error names it as the function does.
        """
        full_name = f"{self.prefix}.{name}"
        try:
            return _import_module(full_name)
        except ModuleNotFoundError as error:
            if error.name is None or not error.name.startswith(f"{self.prefix}."):
                raise
            plain = self.plain(error.name)
            raise ModuleNotFoundError(f"No module named {plain!r}", name=plain) from None

    def owns(self, name: str) -> bool:
        """Tell whether a module is the function's own, by the first part of its name."""
        top = name.partition(".")[0]
        if top not in self._owned:
            self._owned[top] = self._finds(top)
        return self._owned[top]

    def plain(self, full_name: str) -> str:
        """Return the name of a module as the function knows it."""
        return full_name.removeprefix(f"{self.prefix}.")

    def unload(self) -> None:
        """Forget the modules; code that still runs keeps its own."""
        _namespaces.pop(self.prefix, None)
        for name in [name for name in list(sys.modules) if name.partition(".")[0] == self.prefix]:
            del sys.modules[name]

    def _finds(self, top: str) -> bool:
        if top in sys.builtin_module_names:
            return False
        spec = PathFinder.find_spec(top, self._folders)
        if spec is None:
            return False
        if spec.origin is not None:
            return True
        # A folder without __init__.py gives way to a package elsewhere, as on every import path.
        return PathFinder.find_spec(top) is None


def import_within(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002 — the same
    locals: Mapping[str, Any] | None = None,  # noqa: A002 — the same
    fromlist: Sequence[str] | None = (),
    level: int = 0,
    *,
    original: Callable[..., ModuleType],
) -> ModuleType:
    """Do what `__import__` does, with the own modules of whose code asks."""
    package = str(globals.get("__package__") or "") if globals else ""
    namespace = _namespaces.get(package.partition(".")[0]) if _MARK in package else None
    if namespace is None:
        return original(name, globals, locals, fromlist, level)
    if level:
        if level > package.count("."):
            raise ImportError("attempted relative import with no known parent package")
        return original(name, globals, locals, fromlist, level)
    if not namespace.owns(name):
        return original(name, globals, locals, fromlist, 0)
    module = namespace.load_own(name)
    if fromlist:
        return original(f"{namespace.prefix}.{name}", globals, locals, fromlist, 0)
    return sys.modules[f"{namespace.prefix}.{name.partition('.')[0]}"] if "." in name else module


def import_module_within(
    name: str,
    package: str | None = None,
    *,
    find: Callable[[], Namespace | None],
    original: Callable[..., ModuleType],
) -> ModuleType:
    """Do what `importlib.import_module` does, with the own modules of the thread that asks."""
    namespace = find()
    if namespace is None or name.startswith((".", namespace.prefix)) or not namespace.owns(name):
        return original(name, package)
    return namespace.load_own(name)
