"""`blocking.py` of the test kit is written from `asynchronous.py` by `make fix`; a test compares.

The two are the same word for word, but for what waits.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "local_gateway" / "testing"
SOURCE, WRITTEN = FOLDER / "asynchronous.py", FOLDER / "blocking.py"
_CHANGES = {
    r"\basync def\b": "def",
    r"\bawait ": "",
    r"\b_thread\.ask\b": "_thread.ask_blocking",
    r"\bGateway\b": "BlockingGateway",
    r"\bClient\b": "BlockingClient",
}


def written() -> str:
    """Return what `blocking.py` has to be."""
    text = SOURCE.read_text()
    for found, put in _CHANGES.items():
        text = re.sub(found, put, text)
    return text


if __name__ == "__main__":
    WRITTEN.write_text(written())
