"""Which rows `tail` shows to who asks for some."""

from __future__ import annotations

from typing import Any

from local_gateway.inspector.selection import REMEMBERED, Selection

Row = dict[str, Any]

SHAKE: Row = {"kind": "handshake", "connectionId": "A=", "query": "channelId=al%20ice&x=1"}
MESSAGE: Row = {"kind": "message", "connectionId": "A=", "requestId": "q", "route": "join"}
EVENT: Row = {
    "kind": "invocation",
    "connectionId": "A=",
    "requestId": "q",
    "route": "join",
    "lambdaRequestId": "01234567-89ab",
    "trace": "1-5",
}
LINE: Row = {"kind": "log", "lambdaRequestId": "01234567"}
REPLY: Row = {"kind": "reply", "connectionId": "A=", "requestId": "q"}
POST: Row = {"kind": "post", "connectionId": "B=", "trace": "1-5"}
RECORDS: Row = {
    "kind": "invocation",
    "lambdaRequestId": "fedcba98-7",
    "trace": "1-6",
    "sentBy": ["1-5"],
}
LATER: Row = {"kind": "post", "connectionId": "C=", "trace": "1-6"}
OTHER: Row = {"kind": "message", "connectionId": "B=", "requestId": "r", "route": "leave"}
INIT: Row = {"kind": "log", "lambdaRequestId": "init"}

EVERYTHING = [SHAKE, MESSAGE, EVENT, LINE, REPLY, POST, RECORDS, LATER, OTHER, INIT]


def taken(
    *, connection: str | None = None, client: str | None = None, route: str | None = None
) -> list[Row]:
    selection = Selection(connection=connection, client=client, route=route)
    return [row for row in EVERYTHING if selection.takes(row)]


def test_who_asks_for_nothing_gets_everything() -> None:
    assert taken() == EVERYTHING


def test_a_connection_brings_what_came_of_its_messages() -> None:
    assert taken(connection="A") == [SHAKE, MESSAGE, EVENT, LINE, REPLY, POST, RECORDS, LATER]


def test_a_client_is_known_by_a_value_of_its_query() -> None:
    assert taken(client="al ice") == taken(connection="A=")
    assert taken(client="alice") == []


def test_a_route_brings_the_answers_and_posts_of_its_messages() -> None:
    assert taken(route="join") == [MESSAGE, EVENT, LINE, REPLY, POST, RECORDS, LATER]


def test_what_is_given_has_to_fit_together() -> None:
    assert taken(connection="B", route="leave") == [OTHER]
    assert taken(connection="A", route="leave") == []


def test_a_post_to_a_connection_does_not_bring_what_else_its_sender_did() -> None:
    assert taken(connection="B") == [POST, OTHER]


def test_the_oldest_ids_are_forgotten() -> None:
    selection = Selection(connection=None, client=None, route="join")
    messages = [{**MESSAGE, "requestId": f"q{number}"} for number in range(REMEMBERED + 1)]
    for each in messages:
        selection.takes(each)

    answers = [{**REPLY, "requestId": f"q{number}"} for number in (0, 1, REMEMBERED)]

    assert [selection.takes(each) for each in answers] == [False, True, True]
