"""Which files have changed, as `watchfiles` hears it from the operating system.

It costs one descriptor, and a kernel's watch for each folder; folders are therefore listed one by
one, without those that hold no code of the author's, and no more than `MAX_FOLDERS` of them.
"""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]  # trio's

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence

MAX_FOLDERS: Final = 1_000
SUFFIXES: Final = frozenset({".cjs", ".js", ".json", ".mjs", ".node", ".py", ".so"})
"""Of files in a function's folder or a layer whose change means new environments. What a handler
writes there, such as a log or a database, doesn't."""
_EXECUTABLE: Final = "bootstrap"
_IGNORED: Final = frozenset({"__pycache__", "node_modules", "venv"})
_MARK_OF_AN_ENVIRONMENT: Final = "pyvenv.cfg"
_SETTLE_MS: Final = 50
"""A batch is complete when nothing has changed for so long."""
_AT_MOST_MS: Final = 400
"""A batch isn't held back longer, however much goes on changing."""


class Watcher:
    """Watches folders for code, and single files for whatever they hold."""

    def __init__(
        self, folders: Sequence[Path], files: Iterable[Path], *, say: Callable[[str], None]
    ) -> None:
        """Take what to watch; `say` gets a line if that is too much."""
        self._roots = [Path(os.path.realpath(folder)) for folder in folders]
        self._given = dict(zip(self._roots, folders, strict=False))
        self._files = {Path(os.path.realpath(file)): file for file in files}
        self._say = say

    async def changes(self) -> AsyncGenerator[frozenset[Path]]:
        """Yield batches of changed files, by the names that they were given under.

        Raises:
            OSError: The operating system has no watches left.
        """
        while True:
            async with aclosing(self._batches()) as batches:
                async for batch in batches:
                    paths = [Path(path) for _, path in batch]
                    new = [path for path in paths if path.is_dir()]
                    files = [path for path in paths if path not in new]
                    files += [file for folder in new for file in self._files_below(folder)]
                    if files:
                        yield frozenset(self._name(file) for file in files)
                    if new:
                        break  # from now on with the new folders

    async def _batches(self) -> AsyncGenerator[set[tuple[Change, str]]]:
        changes = awatch(
            *self.folders(),
            watch_filter=self._is_wanted,
            debounce=_AT_MOST_MS,
            step=_SETTLE_MS,
            recursive=False,
            ignore_permission_denied=True,
        )
        try:
            async with aclosing(changes):
                async for batch in changes:
                    yield batch
        except RuntimeError as error:  # what watchfiles raises of its own derives from it
            raise OSError(str(error)) from error

    def folders(self) -> list[Path]:
        """Return the folders that take a watch at this moment."""
        found = {file.parent for file in self._files}
        for root in self._roots:
            for folder in _walk(root):
                if len(found) >= MAX_FOLDERS:
                    self._say(
                        f"reload: there are more than {MAX_FOLDERS:,} folders of code, the rest of "
                        f"{root} is not watched"
                    )
                    return list(found)
                found.add(folder)
        return list(found)

    def _files_below(self, folder: Path) -> Iterator[Path]:
        for inner in _walk(folder):
            for file in inner.iterdir():
                if self._is_wanted(Change.added, str(file)) and file.is_file():
                    yield file

    def _is_wanted(self, change: Change, text: str) -> bool:
        path = Path(text)
        if path in self._files:
            return True
        root = next((root for root in self._roots if path.is_relative_to(root)), None)
        if root is None or any(map(_is_ignored, path.relative_to(root).parts)):
            return False
        if path.suffix in SUFFIXES or path.name == _EXECUTABLE:
            return True
        return change is Change.added and path.is_dir()

    def _name(self, path: Path) -> Path:
        """Return a file by the name that the template has for its folder."""
        if path in self._files:
            return self._files[path]
        root = next(root for root in self._roots if path.is_relative_to(root))
        return self._given[root] / path.relative_to(root)


def _walk(root: Path) -> Iterator[Path]:
    """Go through a folder and those below it that may hold code."""
    for folder, names, files in os.walk(root):
        if _MARK_OF_AN_ENVIRONMENT in files:
            names.clear()
            continue
        yield Path(folder)
        names[:] = sorted(name for name in names if not _is_ignored(name))


def _is_ignored(name: str) -> bool:
    """Tell whether a name below a root is none of the author's code: `.git`, `.venv`."""
    return name.startswith(".") or name in _IGNORED
