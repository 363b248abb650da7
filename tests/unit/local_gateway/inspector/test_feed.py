"""What a watcher is told first, and what it is told that it missed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from local_gateway.event import Request
from local_gateway.inspector.feed import (
    BUSY_TICK_SECONDS,
    ROWS_PER_TICK,
    TICK_SECONDS,
    Feed,
    next_tick,
)
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


@pytest.mark.parametrize(
    ("came", "tick", "following"),
    [
        (ROWS_PER_TICK, TICK_SECONDS, TICK_SECONDS),
        (ROWS_PER_TICK + 1, TICK_SECONDS, BUSY_TICK_SECONDS),
        (20 * ROWS_PER_TICK + 1, BUSY_TICK_SECONDS, BUSY_TICK_SECONDS),
        (20 * ROWS_PER_TICK, BUSY_TICK_SECONDS, TICK_SECONDS),
    ],
    ids=["all", "too-many", "still-too-many", "fewer-a-second"],
)
def test_ticks_are_rare_while_more_comes_than_a_watcher_gets(
    came: int, tick: float, following: float
) -> None:
    assert next_tick(came, tick) == following
