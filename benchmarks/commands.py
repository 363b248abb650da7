"""What the commands that measure have in common."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import FrameType


def end_like_ctrl_c() -> None:
    """Let SIGTERM end this process as Ctrl-C does, so that every server is stopped."""
    signal.signal(signal.SIGTERM, _interrupt)


def write_json(file: Path, rows: Mapping[str, object]) -> None:
    """Write what was found, for other programs."""
    file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
