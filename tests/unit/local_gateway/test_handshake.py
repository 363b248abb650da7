from __future__ import annotations

import pytest

from local_gateway.answer import Answer
from local_gateway.handshake import Accepted, Refused, decide, explain_subprotocol
from local_gateway.integration import MalformedResponse, ProxyResponse


@pytest.mark.parametrize("status", [200, 299])
def test_2xx_is_accepted(status: int) -> None:
    assert decide(ProxyResponse(status)) == Accepted(None)


@pytest.mark.parametrize("status", [300, 401, 599])
def test_other_final_status_is_passed_through_without_the_body(status: int) -> None:
    assert decide(ProxyResponse(status, "body")) == Refused(Answer(status))


@pytest.mark.parametrize("status", [100, 101, 199])
def test_informational_status_is_malformed(status: int) -> None:
    with pytest.raises(MalformedResponse):
        decide(ProxyResponse(status))


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "sec-websocket-protocol"])
def test_subprotocol_is_found_in_any_case(name: str) -> None:
    assert decide(ProxyResponse(200, None, {"X": "1", name: "chat"})) == Accepted("chat")


@pytest.mark.parametrize("value", ["", "a\r\nb", "a\n", " a", "ä", 5, None, ["chat"]])
def test_subprotocol_that_is_no_header_value_is_malformed(value: str | int | None) -> None:
    with pytest.raises(MalformedResponse):
        decide(ProxyResponse(200, None, {"Sec-WebSocket-Protocol": value}))


OFFER = [(b"Sec-WebSocket-Protocol", b"chat, other")]


@pytest.mark.parametrize(
    ("headers", "subprotocol", "surprise"),
    [
        ([], None, None),
        (OFFER, "other", None),
        (OFFER, None, "the client offers chat, other, $connect returns no"),
        (OFFER, "third", "which the client did not offer"),
        ([], "chat", "which the client did not offer"),
    ],
)
def test_subprotocol_that_surprises_is_explained(
    headers: list[tuple[bytes, bytes]], subprotocol: str | None, surprise: str | None
) -> None:
    line = explain_subprotocol(headers, subprotocol)

    assert line is surprise is None or (surprise or "-") in (line or "")
