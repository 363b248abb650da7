"""Zip files of code and layers, unpacked into a folder named by their content.

What Lambda would refuse, or what would write outside of the folder, is refused: the archive may be
somebody else's. Permissions and symbolic links are kept, as Lambda keeps them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from local_gateway import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

UNPACKED_BYTES: Final = 262_144_000
"""250 MB, of a function with its layers (Lambda developer guide, "Quotas")."""
MAX_ENTRIES: Final = 100_000
"""How many files and folders an archive may have. Ours: Lambda publishes no number."""
KEPT_SECONDS: Final = 7 * 86_400.0
"""How long after its last use an unpacked archive is kept. Ours."""

_CHUNK: Final = 1 << 20


class ArchiveRefused(Exception):
    """An archive that is not unpacked; the text says why."""


def unpack(archive: Path, cache: Path) -> Path:
    """Return the folder, under `cache`, with what is in the archive.

    Raises:
        ArchiveRefused: It is no zip archive, too large, or would write elsewhere.
        OSError: It can't be read, or the folder not be written.
    """
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()[:32]
    folder = cache / digest
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=cache, prefix=".new-"))
        try:
            _unpack(archive, made)
            with contextlib.suppress(OSError):  # another emulator was faster
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    os.utime(folder)
    _forget_unused(cache)
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _check(entries)
            links = [entry for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)]
            left = UNPACKED_BYTES
            for entry in entries:
                if entry not in links:
                    left -= _write(opened, entry, folder, left)
            # Last, so that nothing is written through them.
            made = [_link(opened.read(entry), entry, folder) for entry in links]
            for entry, link in zip(links, made, strict=True):
                _check_inside(link, entry, folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        # zipfile: a broken file, a compression that it doesn't know, an encrypted entry.
        raise ArchiveRefused(f"can't be unpacked: {error}") from error


def _check(entries: Sequence[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_ENTRIES:
        raise ArchiveRefused(f"has {len(entries):,} entries; {MAX_ENTRIES:,} are the limit")
    for entry in entries:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise ArchiveRefused(f"would write outside of its folder: {entry.filename!r}")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}:
            raise ArchiveRefused(f"holds {entry.filename!r}, which is no file, folder or link")


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, limit: int) -> int:
    """Write a file or a folder, and return how many bytes it has."""
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    # Counted as they come: what the archive says of its sizes may not be so.
    with opened.open(entry) as source, target.open("wb") as stream:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > limit:
                raise ArchiveRefused(
                    f"unpacks to more than {UNPACKED_BYTES:,} bytes, which is Lambda's limit"
                )
            stream.write(chunk)
    mode = stat.S_IMODE(entry.external_attr >> 16) or 0o644
    target.chmod(mode & 0o777 | 0o600)
    return written


def _link(content: bytes, entry: zipfile.ZipInfo, folder: Path) -> Path:
    target = content.decode()
    # An absolute target takes the place of what it is joined to.
    place = os.path.normpath(PurePosixPath(entry.filename).parent / target)
    if PurePosixPath(place).parts[:1] in {("..",), ("/",)}:
        raise ArchiveRefused(f"has a link that leads out of its folder: {entry.filename!r}")
    link = folder / entry.filename
    # A link before it may stand where its folder does.
    _check_inside(link.parent, entry, folder)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


def _check_inside(path: Path, entry: zipfile.ZipInfo, folder: Path) -> None:
    """Follow links, which may lead elsewhere together though none of them does."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise ArchiveRefused(f"has links that lead out of its folder: {entry.filename!r}")


def _forget_unused(cache: Path) -> None:
    """Remove what no start has used for a week; what can't be removed stays."""
    oldest = clock.machine_ms() / 1000 - KEPT_SECONDS
    for folder in cache.iterdir():
        with contextlib.suppress(OSError):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
