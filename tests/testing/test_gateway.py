"""The gateway that tests serve: what its clients see, and what a failure says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from local_gateway.testing import Gateway, HandshakeRefused, serve
from tests.fakes.rooms import ROOM, serving_room

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def room() -> Iterator[Gateway]:
    yield from serving_room()


async def test_a_client_gets_its_answer(room: Gateway) -> None:
    client = await room.connect()

    await client.send({"action": "echo", "text": '{"text": "hi", "more": [1, 2]}'})

    assert await client.expect({"text": "hi"}) == {"text": "hi", "more": [1, 2]}
    await client.expect_nothing()


async def test_an_expected_message_is_found_among_others_which_stay(room: Gateway) -> None:
    client = await room.connect()
    for text in ("one", "two", "three"):
        await client.send({"action": "echo", "text": text})

    found = await client.expect(re.compile("^t.o$"))
    others = {await client.receive(), await client.receive()}

    assert found == "two"
    assert others == {"one", "three"}


async def test_a_failure_says_what_came_instead(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "echo", "text": "hello"})
    await client.send({"action": "nowhere"})
    await room.settle()

    with pytest.raises(AssertionError) as caught:
        await client.expect({"text": "bye"}, within=0)

    text = str(caught.value)
    assert text.startswith("no message like {'text': 'bye'} within 0 s\nunread messages:\n")
    assert "'hello'" in text
    assert f"the connection {client.connection_id} is open" in text
    assert "FRAME-2 stage dev: " in text
    assert "handled hello" in text


async def test_what_nobody_expected_is_a_failure(room: Gateway) -> None:
    client = await room.connect()
    await client.send({"action": "echo", "text": "surprise"})

    with pytest.raises(AssertionError, match=r"no message was expected, 1 came\n.*\n  'surprise'"):
        await client.expect_nothing()


async def test_nothing_comes_before_a_marker(room: Gateway) -> None:
    client = await room.connect()
    assert await room.post(client.connection_id, {"marker": 1}) == 200
    assert await room.post(client.connection_id, "late") == 200

    await client.expect_nothing(before={"marker": 1})

    assert await client.receive() == "late"


async def test_something_before_a_marker_is_a_failure(room: Gateway) -> None:
    client = await room.connect()
    await room.post(client.connection_id, "early")
    await room.post(client.connection_id, {"marker": 1})

    with pytest.raises(AssertionError, match="no message was expected, 1 came"):
        await client.expect_nothing(before={"marker": 1})


async def test_invocations_have_events_and_answers(room: Gateway) -> None:
    client = await room.connect()
    await room.recycle("Message")

    await client.send({"action": "echo", "text": "first of its environment"})
    *_, last = await room.invocations("echo")

    assert (last.function, last.route_key, last.error) == ("Message", "echo", None)
    assert last.event["requestContext"]["connectionId"] == client.connection_id
    assert last.answer == {"statusCode": 200, "body": "first of its environment"}
    assert last.is_cold
    assert last.log == ("handled first of its environment",)


async def test_an_invocation_has_the_error_of_its_handler(room: Gateway) -> None:
    done = await room.invoke("Message", {"requestContext": {"eventType": "MESSAGE"}, "body": "{"})

    assert done.error == "Unhandled"
    assert done.answer["errorType"] == "JSONDecodeError"


async def test_a_connection_that_closed_is_gone(room: Gateway) -> None:
    client = await room.connect()
    was_gone = await room.gone(client.connection_id)

    await client.close()

    assert not was_gone
    assert await room.gone(client.connection_id)
    assert await room.post(client.connection_id, "too late") == 410
    assert "post-to-gone" in {said.reason.id for said in room.why}


async def test_a_client_that_is_cut_off_was_closed_with_1006(room: Gateway) -> None:
    client = await room.connect()

    await client.abort()
    *_, last = await room.invocations("$disconnect")

    assert last.event["requestContext"]["disconnectStatusCode"] == 1006
    assert await client.expect_close() == (1006, "")


async def test_a_binary_message_is_closed_with_1003(room: Gateway) -> None:
    client = await room.connect()

    await client.send(b"\x00")

    assert await client.expect_close(1003) == (1003, "")


async def test_another_close_than_the_expected_one_is_a_failure(room: Gateway) -> None:
    client = await room.connect()
    await client.send(b"\x00")

    with pytest.raises(AssertionError, match=r"no close with 1001 within 10.0 s\n(.*\n)*.*1003"):
        await client.expect_close(1001)


async def test_the_handshake_says_what_it_is_told_to(room: Gateway) -> None:
    client = await room.connect(
        query={"name": "A & B"}, headers={"X-Mine": "1"}, subprotocols=["chat", "other"]
    )

    *_, last = await room.invocations("$connect")

    assert client.subprotocol is None
    assert last.event["queryStringParameters"] == {"name": "A & B"}
    assert last.event["headers"]["X-Mine"] == "1"
    assert last.event["headers"]["Sec-WebSocket-Protocol"] == "chat, other"


async def test_names_that_are_not_there_are_told_with_those_that_are(room: Gateway) -> None:
    with pytest.raises(LookupError, match="0 were found; there are: Room/dev"):
        await room.connect(stage="prod")
    with pytest.raises(LookupError, match="no function or route Nobody; there are: Connect, "):
        await room.invocations("Nobody")
    with pytest.raises(LookupError, match="no function Nobody; there are: Connect, Message"):
        await room.recycle("Nobody")


async def test_a_slow_client_is_429_until_it_reads_again(room: Gateway) -> None:
    client = await room.connect()
    await client.hold()

    statuses = [await room.post(client.connection_id, b"x" * 131_072) for _ in range(150)]
    await client.release()
    await room.settle()

    assert set(statuses) == {200, 429}
    assert await room.post(client.connection_id, "again") == 200


async def test_a_gateway_that_cannot_start_says_so_and_leaves_no_thread() -> None:
    with pytest.raises(Exception, match=r"nowhere\.yaml"):
        async with serve(ROOM.with_name("nowhere.yaml")):
            pass


async def test_a_refused_handshake_has_a_status(room: Gateway) -> None:
    with pytest.raises(HandshakeRefused) as caught:
        await room.connect(query="refuse=403")

    assert caught.value.status == 403
