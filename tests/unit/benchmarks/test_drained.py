"""What a push to a million says of itself."""

from __future__ import annotations

from benchmarks.drained import Drained, Worker
from benchmarks.page import PAGE, replace_blocks


def a_worker(posts: int, *, was_killed: bool = False) -> Worker:
    return Worker(
        posts=posts,
        cpu_seconds=posts / 25_000,
        seconds=posts / 20_000,
        first_kib=45 * 1024,
        most_kib=46 * 1024,
        was_killed=was_killed,
    )


def drained(*, served: int, posts: int) -> Drained:
    return Drained(
        workers=[a_worker(400_000, was_killed=True), a_worker(600_000)],
        connections=1_000_000,
        served=served,
        posts=posts,
        bare_per_cpu_second=50_000,
    )


def test_it_shows_each_worker_and_what_was_reached() -> None:
    block = drained(served=1_000_000, posts=1_000_800).block()

    assert block.splitlines() == [
        "|     worker |   posts | a second | a CPU second | resident at first |  at most |",
        "| ---------: | ------: | -------: | -----------: | ----------------: | -------: |",
        "|     killed | 400,000 |   20,000 |       25,000 |          45.0 MiB | 46.0 MiB |",
        "| to its end | 600,000 |   20,000 |       25,000 |          45.0 MiB | 46.0 MiB |",
        "",
        "- Served: 1,000,000 of 1,000,000: met.",
        "- Posted to twice: 800, 0.080%, ≤ 0.1%: met.",
        "- Posts a CPU second: 25,000, ≥ 20,000: met; 50% of the 50,000 of posting alone.",
    ]


def test_one_that_was_left_out_or_many_that_were_posted_to_twice_are_missed_aims() -> None:
    lines = drained(served=999_999, posts=1_001_100).block().splitlines()

    assert lines[-3:-1] == [
        "- Served: 999,999 of 1,000,000: missed.",
        "- Posted to twice: 1,101, 0.110%, ≤ 0.1%: missed.",
    ]


def test_the_page_has_a_place_for_it() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert replace_blocks(page, {"drain": "found"}) != page
