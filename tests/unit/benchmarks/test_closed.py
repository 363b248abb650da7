"""The clients of the section on tokens, and its place on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from benchmarks.closing import Arrive
from benchmarks.figures import Rounds
from benchmarks.load.connections import Handshake
from benchmarks.measurements import ALL
from benchmarks.measurements.closed import compare
from benchmarks.page import PAGE, replace_blocks
from cloudpush import clock, tokens
from cloudpush.secret import SecretReference
from cloudpush.signing_keys import SecretKeys
from tests.fakes.auth import SECRET
from tests.fakes.transport import RecordingTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST = b"GET /dev HTTP/1.1\r\n\r\n"
ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
GREETING = b'\x81\x0d{"msgType":0}'
CLOSED = b"\x88\x02\x03\xe8"


def a_handshake(*, is_greeted: bool) -> tuple[Handshake, RecordingTransport]:
    handshake, transport = Handshake(REQUEST, is_greeted=is_greeted), RecordingTransport()
    handshake.connection_made(transport)
    return handshake, transport


def test_each_client_shows_a_token_of_its_own() -> None:
    load = Arrive(url="ws://127.0.0.1:1/dev", pid=1, seconds=1, clients=2, secret=SECRET)
    keys = SecretKeys(SecretReference(f"plain:{SECRET}", client=no_client, clock=clock.now_ms))

    queries = [queries_of(url) for url in load.urls]

    principals = [
        tokens.verify(query["token"], keys=keys, rules=tokens.TokenRules(), now_ms=clock.now_ms())
        for query in queries
    ]
    assert [query["channelId"] for query in queries] == ["client-0", "client-1"]
    assert [each.client_id for each in principals] == ["client-0", "client-1"]


def test_without_a_secret_there_are_no_tokens() -> None:
    load = Arrive(url="ws://127.0.0.1:1/dev", pid=1, seconds=1, clients=1)

    assert load.urls == ["ws://127.0.0.1:1/dev?channelId=client-0"]


async def test_who_is_to_be_greeted_closes_after_the_greeting() -> None:
    handshake, transport = a_handshake(is_greeted=True)

    handshake.data_received(ACCEPTED)
    before = bytes(transport.written)
    handshake.data_received(GREETING)
    after = bytes(transport.written)

    assert (before, after) == (REQUEST, REQUEST + Handshake.CLOSE)


@pytest.mark.parametrize(
    ("received", "is_greeted"), [(ACCEPTED + GREETING, True), (ACCEPTED, False)]
)
async def test_who_waits_for_nothing_closes_at_once(received: bytes, *, is_greeted: bool) -> None:
    handshake, transport = a_handshake(is_greeted=is_greeted)

    handshake.data_received(received)

    assert transport.written == REQUEST + Handshake.CLOSE


async def test_it_is_done_when_the_close_is_answered() -> None:
    handshake, transport = a_handshake(is_greeted=True)

    for data in (ACCEPTED, GREETING, CLOSED):
        handshake.data_received(data)
    handshake.connection_lost(None)

    assert transport.is_closed
    assert await handshake.done > 0


async def test_a_connection_that_is_never_greeted_is_an_error() -> None:
    handshake, _ = a_handshake(is_greeted=True)
    handshake.data_received(ACCEPTED)

    handshake.connection_lost(None)

    with pytest.raises(ConnectionError, match="before it was greeted"):
        await handshake.done


def test_each_figure_stands_beside_that_without_tokens() -> None:
    figures = compare(rounds_of({"p50": 3.0}), rounds_of({"p50": 2.0}))

    assert [each.ratio for each in figures if each.unit == "ms"] == [1.5, 1.5, 1.5]


def test_the_page_has_one_place_for_each_section() -> None:
    blocks = {each.name: f"of {each.name}" for each in ALL}

    page = replace_blocks(PAGE.read_text(encoding="utf-8"), blocks)

    assert [name for name in blocks if f"\n\nof {name}\n\n" not in page] == []


def rounds_of(values: Mapping[str, float]) -> Rounds:
    rounds = Rounds()
    for load in ("connect", "1", "50"):
        for name in ("p50", "per_second", "cpu_us"):
            rounds.add(f"{load} {name}", values.get(name, 1.0))
    return rounds


def queries_of(url: str) -> dict[str, str]:
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}


def no_client(service: str) -> object:
    raise AssertionError(service)
