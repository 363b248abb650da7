"""What a contest with peers finds and says, and how it waits for a server that is not ours."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import load, machine
from benchmarks.machine import Quiet
from benchmarks.measurements import Effort
from benchmarks.page import PEERS_PAGE, replace_blocks
from benchmarks.peers import contests
from benchmarks.peers.contests import CONTESTS
from benchmarks.peers.entrant import Entrant, debian_version, npm_version, running_at
from benchmarks.peers.ranking import Column, Ranking, Result, compare, compare_times
from benchmarks.servers import BenchmarkFailed, free_port

RANKING = Ranking(
    "1 connection",
    (Column("p50", "p50", "ms"), Column("per_second", "messages/s")),
    {
        "ours": {"p50": [0.3, 0.1, 0.2], "per_second": [1000.0]},
        "theirs": {"p50": [0.4], "per_second": [500.0]},
        "absent": {},
    },
)

TO = load.Publishing(url="http://127.0.0.1:1/", body="NUMBER")

LISTEN = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""


def test_a_table_has_medians_and_ratios_to_the_first_row() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in RANKING.write().splitlines()
    ]

    assert rows[2] == ["", "p50", "of ours", "messages/s", "of ours"]
    assert rows[4] == ["ours", "0.200 ms", "", "1,000", ""]
    assert rows[5] == ["theirs", "0.400 ms", "2.00", "500", "0.50"]
    assert rows[6] == ["absent", "-", "", "-", ""]


@pytest.mark.parametrize(("most", "is_met"), [(0.5, True), (0.49, False)])
def test_times_are_judged_by_their_ratio(most: float, *, is_met: bool) -> None:
    [verdict] = compare_times(RANKING, "faster", "p50", "ours", "theirs", most)

    assert verdict.cells() == ("faster", "0.200 and 0.400 ms: 0.50", "met" if is_met else "missed")


@pytest.mark.parametrize(("least", "is_met"), [(2, True), (2.1, False)])
def test_rates_are_judged_by_their_ratio(least: float, *, is_met: bool) -> None:
    [verdict] = compare(RANKING, "twice", "per_second", "ours", "theirs", least)

    assert verdict.is_met is is_met


def test_who_is_not_there_is_not_judged() -> None:
    assert compare(RANKING, "twice", "per_second", "ours", "absent", 2) == []
    assert compare_times(RANKING, "faster", "p50", "absent", "theirs") == []


def test_a_result_says_who_was_left_out_and_who_failed() -> None:
    result = Result(
        [RANKING],
        versions=["theirs 1.0"],
        skipped=["pushpin, not installed"],
        failures=["theirs, in round 2 of 5: ConnectionError('nothing came back')"],
    )

    parts = result.write().split("\n\n")

    assert parts[-3:] == [
        "With theirs 1.0.",
        "Left out: pushpin, not installed.",
        "Failed: theirs, in round 2 of 5: ConnectionError('nothing came back').",
    ]


def test_who_fails_is_measured_no_further_and_told_with_the_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def run(publishing: load.Push) -> load.Measured:
        asked.append(publishing.url)
        if publishing.url == "theirs" and asked.count("theirs") > 2:  # a warm-up and a round
            raise BenchmarkFailed("Push(...):\nConnectionError('nothing came back')")
        return {"p50": 1.0, "p99": 2.0, "per_second": 3.0}

    def broker(name: str) -> AbstractContextManager[Any]:
        return nullcontext(SimpleNamespace(url=name, to_one=TO))

    brokers = [Entrant(name, partial(broker, name)) for name in ("ours", "theirs")]
    monkeypatch.setattr(contests, "find_brokers", lambda: brokers)
    monkeypatch.setattr(load, "run", run)
    monkeypatch.setattr(machine, "_LOOK_SECONDS", 0.001)

    result = contests.contest_publish(Effort(rounds=3, quiet=Quiet(0.0)))

    assert result.failures == ["theirs, in round 2 of 3: ConnectionError('nothing came back')"]
    assert result.rankings[0].median("theirs", "p50") == 1.0
    assert asked.count("theirs") == 3


def test_the_page_has_a_place_for_every_contest() -> None:
    page = PEERS_PAGE.read_text(encoding="utf-8")

    written = replace_blocks(page, {each.name: f"of {each.name}" for each in CONTESTS})

    assert [each.name for each in CONTESTS if f"\nof {each.name}\n" not in written] == []


def test_who_is_not_installed_has_no_version() -> None:
    assert npm_version("no-such-package") == ""
    assert debian_version("no-such-package", "no-such-program") == ""


def test_a_server_is_ready_when_it_listens_and_is_ended_behind() -> None:
    port = free_port()

    with running_at([sys.executable, "-c", LISTEN, str(port)], port) as server:
        os.kill(server.pid, 0)

    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_server_that_ends_early_is_heard() -> None:
    command = [sys.executable, "-c", "print('no such option'); raise SystemExit(2)"]

    with (
        pytest.raises(BenchmarkFailed, match="no such option"),
        running_at(command, free_port()),
    ):
        pass
