"""Which of a folder's files a Python function may import, found by reading and never by running.

Functions often share a folder (`CodeUri: functions/`). A changed file concerns those whose handler
imports it, over however many steps, at the top of a module or within a function.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from local_gateway.api import Function

_DYNAMIC: Final = frozenset({"__import__", "import_module", "exec", "run_path", "run_module"})
"""What imports by a name that the source doesn't show."""


def concerned(changed: Iterable[Path], functions: Iterable[Function]) -> list[Function]:
    """Return the functions that have to take up changed files, in their order.

    A file that no handler of its folder imports (data, a deleted module, one that is imported by a
    computed name) concerns every function of the folder.
    """
    known = _Known()
    candidates = [(function, folders_of(function)) for function in functions]
    found: set[str] = set()
    for path in changed:
        owners = [
            function
            for function, folders in candidates
            if any(path.is_relative_to(folder) for folder in folders)
        ]
        importing = [function for function in owners if known.may_import(function, path)]
        found.update(function.logical_id for function in importing or owners)
    return [function for function, _ in candidates if function.logical_id in found]


def folders_of(function: Function) -> tuple[Path, ...]:
    """Return the folders that hold a function's code: its own, and its layers'."""
    return (function.code, *function.layers)


class _Known:
    """What has been read already: a module that many functions import is parsed once."""

    def __init__(self) -> None:
        self._imports: dict[Path, _Imports | None] = {}
        self._files: dict[str, frozenset[Path] | None] = {}

    def may_import(self, function: Function, path: Path) -> bool:
        """Tell whether the function imports a file, or can't be known not to."""
        if function.logical_id not in self._files:
            self._files[function.logical_id] = self._closure(function)
        files = self._files[function.logical_id]
        return files is None or path in files

    def _closure(self, function: Function) -> frozenset[Path] | None:
        """Return every file that the handler may import, None if that can't be told."""
        module = function.handler.rpartition(".")[0].replace("/", ".")
        if not function.runtime.startswith("python") or not module:
            return None
        folders = _import_folders(function)
        waiting = list(_find(module.split("."), folders))
        files: set[Path] = set()
        while waiting:
            file = waiting.pop()
            if file in files:
                continue
            files.add(file)
            imports = self._read(file)
            if imports is None or imports.is_dynamic:
                return None
            for name in imports.absolute(file, folders):
                waiting.extend(_find(name, folders))
        return frozenset(files) or None

    def _read(self, file: Path) -> _Imports | None:
        if file not in self._imports:
            try:
                self._imports[file] = _Imports(ast.parse(file.read_bytes()))
            except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                self._imports[file] = None
        return self._imports[file]


class _Imports:
    """The imports of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self._names: list[tuple[int, str]] = []
        """Level (dots in front) and dotted name."""
        self.is_dynamic = False
        for node in ast.walk(tree):
            match node:
                case ast.Import(names=names):
                    self._names += [(0, alias.name) for alias in names]
                case ast.ImportFrom(module=module, names=names, level=level):
                    prefix = f"{module}." if module else ""
                    self._names += [(level, f"{prefix}{alias.name}") for alias in names]
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in _DYNAMIC:
                    self.is_dynamic = True
                case _:
                    pass

    def absolute(self, file: Path, folders: Sequence[Path]) -> Iterator[list[str]]:
        """Go through the imported modules, names in front of which the dots are resolved.

        The last part may be a name within the module before it.
        """
        for level, name in self._names:
            parts = name.split(".")
            if level:
                package = _package_of(file, folders)
                parts = [*package[: len(package) - level + 1], *parts]
            yield parts


def _import_folders(function: Function) -> list[Path]:
    layers = [layer / "python" for layer in reversed(function.layers)]
    inner = [folder for layer in layers for folder in sorted(layer.glob("lib/*/site-packages"))]
    return [function.code, *inner, *layers]


def _package_of(file: Path, folders: Sequence[Path]) -> list[str]:
    for folder in folders:
        if file.is_relative_to(folder):
            return list(file.relative_to(folder).parts[:-1])
    return []


def _find(parts: Sequence[str], folders: Sequence[Path]) -> Iterator[Path]:
    """Go through the files that importing `parts` runs: of the packages on the way, and its own."""
    for length in range(1, len(parts) + 1):
        for folder in folders:
            base = folder.joinpath(*parts[:length])
            for file in (base / "__init__.py", base.with_suffix(".py")):
                if file.is_file():
                    yield file
