from __future__ import annotations

import pytest

from local_gateway.answer import Answer
from local_gateway.handshake import Accepted, Refused, decide, explain_subprotocol, read_offer
from local_gateway.integration import MalformedResponse, ProxyResponse
from local_gateway.why import Why


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


OFFER = ["chat", "other"]


def test_offers_of_all_headers_are_one_list() -> None:
    headers = [
        (b"Sec-WebSocket-Protocol", b"chat, other"),
        (b"X-Other", b"no"),
        (b"sec-websocket-protocol", b"third,,"),
    ]

    assert read_offer(headers) == ["chat", "other", "third"]


@pytest.mark.parametrize(
    ("offered", "subprotocol", "surprises"),
    [
        ([], None, []),
        (OFFER, "other", []),
        (OFFER, None, ["the client offers chat, other, $connect returns no"]),
        (["chat", "t" * 33], None, ["the client offers chat, …, $connect returns no"]),
        (OFFER, "third", ["$connect returns sec-websocket-protocol: third, which the client did"]),
        ([], "chat", ["$connect returns sec-websocket-protocol: chat, which the client did not"]),
    ],
)
def test_subprotocol_that_surprises_is_explained(
    offered: list[str], subprotocol: str | None, surprises: list[str]
) -> None:
    why = Why()

    explain_subprotocol(why, "stage dev", offered, subprotocol)

    assert [
        (said.place, said.text[: len(text)]) for said, text in zip(why.said, surprises, strict=True)
    ] == [("stage dev", text) for text in surprises]
