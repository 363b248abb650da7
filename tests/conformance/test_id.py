"""Ids and times: ID."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.target import Event, Stage

SHAPE = re.compile(r"[A-Za-z0-9_-]{14}[AQgw]=")


def ids_of(event: Event) -> set[str]:
    context = event["requestContext"]
    return {context[name] for name in ("connectionId", "requestId", "messageId") if name in context}


@pytest.mark.clause("ID-1")
async def test_ids_are_11_bytes_in_base64url_with_their_pad(main: Stage) -> None:
    for event in await main.life():
        assert all(SHAPE.fullmatch(each) for each in ids_of(event))
        assert {len(urlsafe_b64decode(each)) for each in ids_of(event)} == {11}


@pytest.mark.clause("ID-2")
async def test_the_twelfth_character_tells_the_kind(main: Stage) -> None:
    connect, message, disconnect = await main.life()

    assert message["requestContext"]["messageId"][11] == "C"
    for event in (connect, message, disconnect):
        assert event["requestContext"]["connectionId"][11] == "C"
        assert event["requestContext"]["requestId"][11] == "F"


@pytest.mark.clause("ID-3")
async def test_ids_count_ticks_of_25_ms(main: Stage) -> None:
    for event in await main.life():
        context = event["requestContext"]
        tick = int.from_bytes(urlsafe_b64decode(context["requestId"])[:4], "big")
        expected = (context["requestTimeEpoch"] // 25 + 1_686_433_798) % 2**31
        assert abs(tick - expected) <= 10


@pytest.mark.clause("ID-4")
async def test_a_messages_id_ends_as_its_connections(main: Stage) -> None:
    context = (await main.message_event("hello"))["requestContext"]

    assert context["messageId"][-4:] == context["connectionId"][-4:]
    assert context["messageId"] != context["connectionId"]


@pytest.mark.clause("ID-5")
async def test_every_event_has_a_request_id_of_its_own(main: Stage) -> None:
    lives = [await main.life(), await main.life()]

    contexts = [event["requestContext"] for life in lives for event in life]
    messages = [context["messageId"] for context in contexts if "messageId" in context]
    assert len({context["requestId"] for context in contexts}) == 6
    assert len({context["connectionId"] for context in contexts}) == 2
    assert len(set(messages)) == 2


@pytest.mark.clause("ID-6")
async def test_the_request_time_is_in_the_common_log_format(main: Stage) -> None:
    for event in await main.life():
        context = event["requestContext"]
        second = context["requestTimeEpoch"] // 1000
        at = datetime.fromtimestamp(second, UTC)
        assert context["requestTime"] == at.strftime("%d/%b/%Y:%H:%M:%S +0000")


@pytest.mark.clause("ID-7")
async def test_the_trace_id_has_the_time_and_96_bits(main: Stage) -> None:
    event = await main.connect_event()

    found = re.fullmatch(r"Root=1-([0-9a-f]{8})-[0-9a-f]{24}", event["headers"]["X-Amzn-Trace-Id"])
    assert found is not None
    assert abs(int(found[1], 16) - event["requestContext"]["connectedAt"] // 1000) <= 2


@pytest.mark.clause("ID-8")
async def test_an_apis_id_is_ten_letters_and_digits(main: Stage) -> None:
    for event in await main.life():
        assert re.fullmatch(r"[a-z0-9]{10}", event["requestContext"]["apiId"])
