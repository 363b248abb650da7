"""Messages of QoS 1, through real sockets and processes, on both stores."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.e2e.gateway_process import Client, GatewayProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")


def name(who: str) -> str:
    """Return a client id that no other test uses."""
    return f"{who}-{uuid.uuid4().hex[:8]}"


async def receive_kept(client: Client, count: int) -> list[dict[str, Any]]:
    """Return the next messages; of those that come together in a frame, each."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        envelope: Any = await client.receive()
        found += envelope if isinstance(envelope, list) else [envelope]
    return found


def places(envelopes: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(each["seq"], each["msg"]["n"]) for each in envelopes]


async def acknowledge(client: Client, seq: int) -> None:
    """Acknowledge, and see that it has been taken: frames are handled side by side."""
    await client.send(msgType=2, seq=seq)
    while True:
        await client.send(msgType=13)
        if (await client.receive_until(14))["after"] >= seq:
            return


async def test_a_message_is_kept_until_it_is_acknowledged(gateway: GatewayProcess) -> None:
    alice = name("alice")
    async with gateway.client(alice) as client:
        answer = await gateway.push(to=alice, msg={"n": 1}, qos=1)
        [first] = await receive_kept(client, 1)
    async with gateway.client(alice) as client:
        [again] = await receive_kept(client, 1)
        await acknowledge(client, seq=1)
    async with gateway.client(alice) as client:
        hello = client.hello

    assert answer["data"] == []
    assert first == {
        "msgType": 1,
        "trigger": 1,
        "to": alice,
        "from": "system",
        "msg": {"n": 1},
        "messageId": first["messageId"],
        "requestId": first["requestId"],
        "sessionId": first["sessionId"],
        "activeTime": first["activeTime"],
        "qos": 1,
        "epoch": first["epoch"],
        "seq": 1,
        "after": 0,
    }
    assert {**again, "sessionId": first["sessionId"]} == first
    assert (hello["seq"], hello["after"]) == (1, 1)


async def test_who_was_away_gets_what_waited_in_order(gateway: GatewayProcess) -> None:
    alice = name("alice")
    for number in range(5):
        assert (await gateway.push(to=alice, msg={"n": number}, qos=1))["data"] == []

    async with gateway.client(alice) as client:
        envelopes = await receive_kept(client, 5)

    assert (client.hello["seq"], client.hello["after"]) == (5, 0)
    assert places(envelopes) == [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)]


async def test_who_comes_back_goes_on_where_it_stood(gateway: GatewayProcess) -> None:
    alice = name("alice")
    for number in range(3):
        await gateway.push(to=alice, msg={"n": number}, qos=1)
    async with gateway.client(alice) as client:
        await receive_kept(client, 3)
        epoch = client.hello["epoch"]

    async with gateway.client(alice, epoch=epoch, seq=2) as client:
        [rest] = await receive_kept(client, 1)

    hello = client.hello
    assert [hello[each] for each in ("epoch", "seq", "after", "resumed")] == [epoch, 3, 2, True]
    assert (rest["seq"], rest["msg"]) == (3, {"n": 2})


@pytest.mark.parametrize(
    "position", [{"epoch": "another", "seq": 1}, {"epoch": "", "seq": "x"}, {"seq": -1}]
)
async def test_a_position_that_means_nothing_is_no_reason_to_refuse(
    gateway: GatewayProcess, position: dict[str, object]
) -> None:
    alice = name("alice")
    await gateway.push(to=alice, msg={"n": 0}, qos=1)

    async with gateway.client(alice, **position) as client:
        envelopes = await receive_kept(client, 1)

    assert client.hello["resumed"] is False
    assert places(envelopes) == [(1, 0)]


async def test_what_was_acknowledged_by_another_is_a_loss_that_is_named(
    gateway: GatewayProcess,
) -> None:
    alice = name("alice")
    for number in range(3):
        await gateway.push(to=alice, msg={"n": number}, qos=1)
    async with gateway.client(alice) as client:
        await receive_kept(client, 3)
        await acknowledge(client, seq=2)
        await client.send(msgType=13, epoch=client.hello["epoch"], seq=1)
        answer = await client.receive_until(14)

    assert [answer[each] for each in ("resumed", "lost", "after", "seq")] == [False, [2, 2], 2, 3]


async def test_several_messages_share_a_frame_for_who_wants_it(gateway: GatewayProcess) -> None:
    alice = name("alice")
    for number in range(20):
        await gateway.push(to=alice, msg={"n": number, "pad": "x" * 2000}, qos=1)

    async with gateway.client(alice, batch=1) as client:
        together = cast("list[dict[str, Any]]", await client.receive())
        rest = await receive_kept(client, 1)

    assert isinstance(together, list)
    assert len(json.dumps(together)) < 32 * 1024
    assert [each["seq"] for each in together] == list(range(1, len(together) + 1))
    assert rest[0]["seq"] == len(together) + 1


async def test_a_client_sends_to_one_who_is_away(gateway: GatewayProcess) -> None:
    alice, bob = name("alice"), name("bob")
    async with gateway.client(bob) as sender:
        await sender.send(msgType=1, to=[alice, "no such id"], msg={"n": 7}, messageId="m", qos=1)
        answer = await sender.receive_until(2)

    async with gateway.client(alice) as client:
        [envelope] = await receive_kept(client, 1)

    assert (answer["messageId"], answer["missing"]) == ("m", ["no such id"])
    assert (envelope["from"], envelope["msg"], envelope["trigger"]) == (bob, {"n": 7}, 2)


async def test_what_is_not_acknowledged_comes_again(gateway: GatewayProcess) -> None:
    alice = name("alice")
    async with gateway.client(alice) as client:
        await gateway.push(to=alice, msg={"n": 1}, qos=1)
        await gateway.push(to=alice, msg={"n": 2}, qos=1)
        first = await receive_kept(client, 2)
        again = await receive_kept(client, 2)

    assert places(first) == places(again) == [(1, 1), (2, 2)]


async def test_a_message_to_all_reaches_who_is_here_and_who_is_away(
    gateway: GatewayProcess,
) -> None:
    alice, bob = name("alice"), name("bob")
    async with gateway.client(bob):
        pass
    async with gateway.client(alice) as client:
        # Without receipts it is done once it is in the inboxes, which are the other tests' too.
        body = {"target": {"all": True}, "msg": {"n": 9}, "qos": 1, "receipts": "none"}
        accepted = await gateway.http.post("/v1/messages", json=body)
        assert accepted.status_code == 202, accepted.text
        here = await receive_kept(client, 1)

    async with gateway.client(bob) as client:
        away = await receive_kept(client, 1)
    await gateway.until_done(accepted.json()["messageId"])

    assert here[0]["msg"] == away[0]["msg"] == {"n": 9}
