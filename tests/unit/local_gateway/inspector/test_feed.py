"""What a watcher is told first, and what it is told that it missed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from local_gateway.event import Request
from local_gateway.inspector.feed import ROWS_PER_TICK, Feed
from local_gateway.inspector.journal import Journal

if TYPE_CHECKING:
    from local_gateway.own import Stream


async def first_news(journal: Journal) -> dict[str, Any]:
    feed = Feed(journal)
    follow = next(each for each in feed.resources() if each.path == "/feed").methods["GET"]
    stream = cast("Stream", await follow(None, ()))
    news = await anext(stream.pieces)
    await stream.pieces.aclose()
    return json.loads(news.removeprefix(b"data: "))


def filled(journal: Journal, count: int) -> Journal:
    for number in range(count):
        journal.received("c", Request("r", 0), "$default", f"text {number}")
    return journal


async def test_watcher_begins_with_the_newest_rows() -> None:
    news = await first_news(filled(Journal(), ROWS_PER_TICK + 3))

    assert [row["id"] for row in news["rows"]] == list(range(4, ROWS_PER_TICK + 4))
    assert news["missed"] == 0


async def test_what_was_cleared_before_is_not_missed() -> None:
    journal = filled(Journal(), 5)
    journal.clear()

    news = await first_news(filled(journal, 1))

    assert ([row["id"] for row in news["rows"]], news["missed"]) == ([6], 0)
