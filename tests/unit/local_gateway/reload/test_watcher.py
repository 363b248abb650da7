"""Files that change on a real disk."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from local_gateway.reload import watcher
from local_gateway.reload.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PATIENCE_SECONDS = 20.0


class Changes:
    """The batches of a watcher, written to the disk in between."""

    def __init__(self, batches: AsyncIterator[frozenset[Path]], folder: Path) -> None:
        self._batches = batches
        self._folder = folder

    async def after(self, change: Callable[[], object]) -> list[str]:
        """Return what the next batch names, relative to the test's folder.

        The watch begins with the first request for a batch, at a time that nobody can see: the
        change is made until it is heard of.
        """
        waiting = asyncio.ensure_future(anext(self._batches))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not waiting.done():
                change()
                await asyncio.wait({waiting}, timeout=0.2)
        return sorted(str(path.relative_to(self._folder)) for path in waiting.result())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("code/.venv", "code/node_modules/a", "code/own", "code/env/lib"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "code/env/pyvenv.cfg").touch()
    return tmp_path


@pytest.fixture
async def changes(folder: Path) -> AsyncIterator[Changes]:
    watching = Watcher([folder / "code"], [folder / "template.yaml"], say=pytest.fail)
    async with aclosing(watching.changes()) as batches:
        yield Changes(batches, folder)


async def test_a_changed_module_is_named(changes: Changes, folder: Path) -> None:
    file = folder / "code/app.py"

    assert await changes.after(lambda: file.write_text("x = 1")) == ["code/app.py"]


async def test_the_template_is_watched_wherever_it_is(changes: Changes, folder: Path) -> None:
    file = folder / "template.yaml"

    assert await changes.after(lambda: file.write_text("Resources:")) == ["template.yaml"]


@pytest.mark.parametrize(
    "ignored",
    [
        "code/.venv/a.py",
        "code/node_modules/a/index.js",
        "code/env/lib/a.py",
        "code/own/data.sqlite",
        "code/.app.py.swp",
        "other.py",
    ],
)
async def test_what_is_no_code_of_the_author_is_not_named(
    ignored: str, changes: Changes, folder: Path
) -> None:
    def change() -> None:
        (folder / ignored).write_text("x = 1")
        (folder / "code/own/marker.py").write_text("x = 1")

    assert await changes.after(change) == ["code/own/marker.py"]


async def test_a_new_folder_is_watched_and_what_is_in_it_is_named(
    changes: Changes, folder: Path
) -> None:
    await changes.after((folder / "code/app.py").touch)
    new = folder / "code/new"

    def change() -> None:
        new.mkdir(exist_ok=True)
        (new / "a.py").write_text("x = 1")

    first = await changes.after(change)
    second = await changes.after(lambda: (new / "b.py").write_text("x = 1"))

    assert "code/new/a.py" in first
    assert "code/new/b.py" in second


def test_the_number_of_folders_is_bounded_and_that_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "MAX_FOLDERS", 2)
    said: list[str] = []

    folders = Watcher([folder / "code"], [folder / "t.yaml"], say=said.append).folders()

    assert len(folders) == 2
    rest = f"the rest of {folder / 'code'} is not watched"
    assert said == [f"reload: there are more than 2 folders of code, {rest}"]


def test_folders_without_code_of_the_author_take_no_watch(folder: Path) -> None:
    folders = Watcher([folder / "code"], [folder / "template.yaml"], say=pytest.fail).folders()

    assert sorted(folders) == [folder, folder / "code", folder / "code/own"]
