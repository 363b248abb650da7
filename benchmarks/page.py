"""The pages that figures are written into: blocks between markers; all else is prose and stays.

<!-- begin echo -->
| … |
<!-- end echo -->
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE = ROOT / "docs" / "explanation" / "performance.md"


class PageWrong(Exception):
    """A page has no place for a block."""


PEERS_PAGE = PAGE.with_name("peers.md")


def replace_blocks(text: str, blocks: Mapping[str, str]) -> str:
    """Return the text with the content of its blocks replaced.

    Raises:
        PageWrong: A block does not stand in it exactly once.
    """
    for name, content in blocks.items():
        marker = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        new = f"\n{content}\n\n"
        text, count = marker.subn(lambda found, n=new: found[1] + n + found[2], text)
        if count != 1:
            raise PageWrong(f"the page has {count} blocks {name}, not one")
    return text


def write_page(page: Path, blocks: Mapping[str, str]) -> None:
    """Replace the blocks of a page; raises `PageWrong`, and leaves it as it was."""
    text = page.read_text(encoding="utf-8")
    page.write_text(replace_blocks(text, blocks), encoding="utf-8")
