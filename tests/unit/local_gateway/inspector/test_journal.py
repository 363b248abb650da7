"""What the journal keeps, and what it lets go of."""

from __future__ import annotations

import pytest

from local_gateway import clock
from local_gateway.event import Handshake, Request
from local_gateway.inspector import journal as module
from local_gateway.inspector.journal import Journal
from local_gateway.lifecycle import Closing

REQUEST = Request("r", 1_700_000_000_000)


def filled(count: int, rows: int = 5) -> Journal:
    journal = Journal(rows)
    for number in range(count):
        journal.received("c", REQUEST, "$default", f"text {number}")
    return journal


def texts(journal: Journal, after: int = 0, limit: int = 100) -> list[object]:
    return [entry[-1] for entry in journal.after(after, limit)]


def test_the_newest_entries_are_kept_in_their_order() -> None:
    assert texts(filled(7)) == [f"text {number}" for number in range(2, 7)]


def test_only_entries_behind_an_id_are_returned() -> None:
    assert texts(filled(4), after=2) == ["text 2", "text 3"]


def test_of_too_many_entries_the_newest_are_returned() -> None:
    assert texts(filled(4), limit=2) == ["text 2", "text 3"]


@pytest.mark.parametrize("after", [4, 5, 1_000])
def test_nothing_is_behind_the_newest(after: int) -> None:
    assert texts(filled(4), after=after) == []


def test_entries_are_found_by_their_id_while_they_are_kept() -> None:
    journal = filled(7)
    found = [journal.find(number) for number in range(9)]

    assert [each and each[0] for each in found] == [None, None, None, 3, 4, 5, 6, 7, None]


def test_ids_go_on_after_a_clear() -> None:
    journal = filled(3)
    journal.clear()
    journal.received("c", REQUEST, None, "next")

    assert (len(journal), journal.last_id, journal.held_bytes) == (1, 4, journal.after(0, 1)[0][3])


def test_large_payloads_push_older_entries_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES", 10_000)
    journal = filled(3)

    journal.posted("c", 200, b"x" * 9_000)

    assert [entry[0] for entry in journal.after(0, 100)] == [4]
    assert journal.held_bytes <= 10_000


def test_messages_are_metered_in_units_of_32_kib_each_way() -> None:
    journal = Journal()

    journal.received("c", REQUEST, None, "x" * 32_768)
    journal.received("c", REQUEST, None, "ö" * 16_385)
    journal.replied("c", "r", b"x" * 32_769)
    journal.told("c", "r", b"{}")
    journal.posted("c", 200, b"")
    journal.posted("c", 410, b"gone")

    assert journal.units == 1 + 2 + 2 + 1 + 1


def test_open_connections_and_closed_ones_count_with_their_time() -> None:
    journal, shake = Journal(), Handshake([], b"", "127.0.0.1")
    before_ms = clock.now_ms()
    journal.arrived("a", "Api", "dev", shake, 101, None, 0)
    journal.arrived("b", "Api", "dev", shake, 403, None, 0)
    journal.ended("a", Closing(1000, ""))
    took_ms = clock.now_ms() - before_ms
    journal.arrived("c", "Api", "dev", shake, 101, None, 0)
    opened_ms = clock.now_ms()

    connected_ms = journal.connected_ms(opened_ms + 60_000)

    assert 60_000 <= connected_ms <= 60_000 + took_ms + (opened_ms - before_ms)


def test_held_bytes_are_those_of_the_entries() -> None:
    journal = filled(50)

    assert journal.held_bytes == sum(entry[3] for entry in journal.after(0, 100))
