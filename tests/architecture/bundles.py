"""Which sources a page's bundle was built from: `make pages` notes it, and a test compares.

The bundles are committed, so that nobody needs Node.js to run or to deploy them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "pages"
BUNDLES = (ROOT / "local_gateway/inspector/bundle", ROOT / "functions/console")
NOTE = "SOURCES"
"""The file in a bundle that has the hash of what it was built from."""


def hash_sources() -> str:
    """Return the hash of everything that a bundle is built from, names and texts."""
    found = hashlib.sha256()
    for path in sorted(SOURCES.rglob("*")):
        name = path.relative_to(SOURCES)
        if path.is_file() and "node_modules" not in name.parts:
            found.update(f"{name.as_posix()}\n".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def note() -> None:
    """Note in each bundle what it was built from."""
    for bundle in BUNDLES:
        (bundle / NOTE).write_text(f"{hash_sources()}\n")


if __name__ == "__main__":
    note()
