"""Entries as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local_gateway.event import Handshake, Request
from local_gateway.inspector.journal import Journal, trace_of
from local_gateway.inspector.rows import CUT, is_open, write_row
from local_gateway.lambdas.invocation import KEPT_BYTES, Invocation
from local_gateway.lambdas.result import InvocationRefused, InvokeResult
from local_gateway.lifecycle import Closing
from local_gateway.why import NO_ROUTE, Said

if TYPE_CHECKING:
    from collections.abc import Callable

EVENT = (
    b'{"requestContext":{"routeKey":"join","eventType":"MESSAGE","connectionId":"c=",'
    b'"requestId":"r="},"body":"x"}'
)


def row_of(note: Callable[[Journal], None], cut: int | None = CUT) -> dict[str, Any]:
    journal = Journal()
    note(journal)
    [entry] = journal.after(0, 10)
    return write_row(entry, cut=cut)


def invocation(payload: bytes = EVENT) -> Invocation:
    return Invocation("l", "trace", payload, b"", lambda _result: None)


def test_handshake_has_what_was_asked_and_answered() -> None:
    shake = Handshake([(b"X-Name", b"v")], b"channelId=a", "127.0.0.1", b"/dev")

    row = row_of(lambda journal: journal.arrived("c=", "Api", "dev", shake, 101, "chat", 0))

    assert row == {
        "id": 1,
        "at": row["at"],
        "kind": "handshake",
        "summary": "101 /dev?channelId=a",
        "connectionId": "c=",
        "api": "Api",
        "stage": "dev",
        "status": 101,
        "subprotocol": "chat",
        "sourceIp": "127.0.0.1",
        "path": "/dev",
        "query": "channelId=a",
        "headers": [["X-Name", "v"]],
        "beganAt": "1970-01-01T00:00:00.000Z",
    }


def test_message_is_told_with_its_route_and_time() -> None:
    row = row_of(lambda journal: journal.received("c=", Request("r=", 1_500), "join", "hi"))

    assert row == {
        "id": 1,
        "at": "1970-01-01T00:00:01.500Z",
        "kind": "message",
        "summary": "hi",
        "connectionId": "c=",
        "requestId": "r=",
        "route": "join",
        "text": "hi",
    }


def test_invocation_is_open_until_it_has_an_outcome() -> None:
    journal, event = Journal(), invocation()
    journal.invoked(0, "F", event)
    [entry] = journal.after(0, 1)
    before, was_open = write_row(entry), is_open(entry)

    event.settle(InvokeResult(b'"ok"', None, "l", b"a line\n", 1.25, is_cold=True))
    after = write_row(entry)

    assert was_open
    assert not is_open(entry)
    assert (before["isDone"], before["route"], before["requestId"]) == (False, "join", "r=")
    assert after["isDone"]
    assert (after["answer"], after["error"], after["isCold"]) == ('"ok"', None, True)
    assert (after["durationMs"], after["log"]) == (1.25, "a line\n")
    assert after["summary"] == "F: ok in 1.2 ms"


def test_refused_invocation_says_why() -> None:
    event = invocation()
    event.settle(InvocationRefused("no such function"))

    row = row_of(lambda journal: journal.invoked(0, "F", event))

    assert (row["isDone"], row["error"]) == (True, "no such function")


def test_authorizers_event_is_told_from_connects() -> None:
    event = invocation(b'{"type":"REQUEST","requestContext":{"eventType":"CONNECT"}}')

    assert row_of(lambda journal: journal.invoked(0, "F", event))["eventType"] == "AUTHORIZE"


@pytest.mark.parametrize(
    "header",
    [b"Root=1-5;Parent=6;Sampled=0;Lineage=7", b"Sampled=0; Root=1-5", b"Root=1-5"],
)
def test_post_is_traced_to_the_event_that_its_function_handled(header: bytes) -> None:
    event = Invocation("l", "Root=1-5;Sampled=0", EVENT, b"", lambda _result: None)

    cause = row_of(lambda journal: journal.invoked(0, "F", event))
    post = row_of(
        lambda journal: journal.posted("c=", 200, b"", trace_of([(b"x-amzn-trace-id", header)]))
    )

    assert cause["trace"] == post["trace"] == "1-5"


def test_post_without_a_trace_has_none() -> None:
    headers = [(b"host", b"127.0.0.1")]

    assert "trace" not in row_of(lambda journal: journal.posted("c=", 200, b"", trace_of(headers)))


@pytest.mark.parametrize("payload", [b"1", b"[]", b"{", b'{"requestContext":3}', b"\xff"])
def test_event_of_no_api_has_no_origin(payload: bytes) -> None:
    row = row_of(lambda journal: journal.invoked(0, "F", invocation(payload)))

    assert "connectionId" not in row
    assert row["function"] == "F"


def test_event_of_records_names_who_sent_them_once() -> None:
    sent = [f'{{"attributes":{{"AWSTraceHeader":"Root={each};Parent=1"}}}}' for each in "aab"]
    records = ",".join([*sent, '{"attributes":{}}', '{"attributes":1}', "1"])

    row = row_of(
        lambda journal: journal.invoked(0, "F", invocation(f'{{"Records":[{records}]}}'.encode()))
    )

    assert row["sentBy"] == ["a", "b"]


def test_long_answer_is_kept_in_part() -> None:
    event = invocation()
    event.settle(InvokeResult(b"x" * (KEPT_BYTES + 1), None, "l"))

    row = row_of(lambda journal: journal.invoked(0, "F", event), cut=None)

    assert len(row["answer"]) == KEPT_BYTES


def test_long_text_is_cut_in_a_list_and_whole_alone() -> None:
    def note(journal: Journal) -> None:
        journal.posted("c=", 200, b"x" * (CUT + 1))

    assert (len(row_of(note)["text"]), row_of(note)["isCut"]) == (CUT, True)
    assert len(row_of(note, cut=None)["text"]) == CUT + 1


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [("\x1b[31m", r"\x1b[31m"), ("a\nb", r"a\nb"), ("\u202e", r"\u202e"), ("\ud800", r"\ud800")],
)
def test_summary_has_no_control_characters(hostile: str, shown: str) -> None:
    row = row_of(lambda journal: journal.received("c=", Request("r=", 0), None, hostile))

    assert row["summary"] == shown


OTHERS: list[tuple[Callable[[Journal], None], dict[str, object]]] = [
    (lambda j: j.replied("c=", "r=", b"hi"), {"kind": "reply", "text": "hi"}),
    (lambda j: j.told("c=", "r=", b"no"), {"kind": "error", "text": "no"}),
    (lambda j: j.looked("c=", 410), {"kind": "look", "status": 410}),
    (lambda j: j.deleted("c=", 204), {"kind": "delete", "status": 204}),
    (
        lambda j: j.ended("c=", Closing(1001, "gone")),
        {"kind": "close", "code": 1001, "reason": "gone", "summary": "1001 gone"},
    ),
    (
        lambda j: j.logged("Echo  12345678  a  line"),
        {"kind": "log", "function": "Echo", "lambdaRequestId": "12345678", "text": "a  line"},
    ),
    (
        lambda j: j.logged("Echo  init      a line"),
        {"kind": "log", "lambdaRequestId": "init", "text": "a line"},
    ),
    (
        lambda j: j.explained(Said(NO_ROUTE, "stage dev", "text", 3)),
        {"kind": "why", "reason": "no-route", "clause": "FRAME-2", "times": 3},
    ),
]


@pytest.mark.parametrize(("note", "facts"), OTHERS)
def test_row_of_each_other_kind(note: Callable[[Journal], None], facts: dict[str, object]) -> None:
    row = row_of(note)

    assert {name: row[name] for name in facts} == facts
