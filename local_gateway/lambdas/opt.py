"""The layers of a function as one folder, which is `/opt` on Lambda.

There a later layer's files lie over an earlier one's. Here the folder is made of links: to a whole
folder where just one layer has it, so that what is edited in a layer's source is seen at once.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def merge(layers: Sequence[Path], folder: Path) -> Path | None:
    """Return the folder that shows all layers, `folder` if it takes one of our own.

    Raises:
        OSError: A layer can't be read, or `folder` not be written.
    """
    if len(layers) < 2:  # noqa: PLR2004 — one layer is the whole of it
        return layers[0] if layers else None
    if folder.exists():
        shutil.rmtree(folder)
    _link(layers, folder)
    return folder


def _link(layers: Sequence[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in sorted({entry.name for layer in layers for entry in layer.iterdir()}):
        found = [layer / name for layer in layers if (layer / name).exists()]
        if not found:
            continue  # a link to nowhere
        above = 0
        for index, path in enumerate(found):
            # A file hides what lies under it, and so does a folder that lies over a file.
            if not path.is_dir() or not found[index - 1].is_dir():
                above = index
        if above == len(found) - 1:
            (folder / name).symlink_to(found[above].resolve())
        else:
            _link(found[above:], folder / name)
