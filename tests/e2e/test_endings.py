"""How connections of the main job end, on a gateway that the pytest plugin serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

if TYPE_CHECKING:
    from local_gateway.testing import BlockingClient, BlockingGateway

VALKEY: Final = {"Store": "redis", "RedisUrl": "embedded:valkey"}
HELLO, BUSINESS, BEAT, BEAT_ACK, CLOSE = 0, 1, 3, 4, 15


def serving(**parameters: str) -> pytest.MarkDecorator:
    """Return the mark that serves our template."""
    return pytest.mark.gateway("template.yaml", parameters={"AuthMode": "none", **parameters})


def join(gateway: BlockingGateway, who: str) -> BlockingClient:
    client = gateway.connect(query={"channelId": who})
    client.expect({"msgType": HELLO, "to": who})
    return client


def push(gateway: BlockingGateway, **body: Any) -> list[str]:  # noqa: ANN401 — any JSON
    """Push by HTTP, and return who is missing."""
    answer = httpx.post(f"{gateway.url}/message/send", json=body, timeout=15)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.mark.parametrize(
    "store",
    [
        pytest.param("redis", marks=serving(**VALKEY, StaleAfterSeconds="1")),
        pytest.param("dynamodb", marks=serving(Store="dynamodb", StaleAfterSeconds="1")),
    ],
)
def test_a_silent_client_is_told_close_and_disconnected(
    blocking_gateway: BlockingGateway, store: str
) -> None:
    clients = [join(blocking_gateway, who) for who in ("silent", "pushed-to")]

    while not all(blocking_gateway.gone(client.connection_id) for client in clients):
        push(blocking_gateway, to="pushed-to", msg={})  # keeps nobody alive
        assert blocking_gateway.invoke("SweepFunction", {}).error is None

    closes = [client.expect({"msgType": CLOSE}) for client in clients]
    assert [close["closeCode"] // 100 for close in closes] == [42, 42], store
    assert [client.expect_close()[0] for client in clients] == [1000, 1000]
    assert push(blocking_gateway, to=["silent", "pushed-to"], msg={}) == ["silent", "pushed-to"]


@serving(**VALKEY, ConnectionPolicy="single")
def test_a_newer_connection_replaces_the_older_one_under_the_single_policy(
    blocking_gateway: BlockingGateway,
) -> None:
    older = join(blocking_gateway, "alice")
    blocking_gateway.advance(seconds=0.001)  # of two at the same moment, the id decides
    newer = join(blocking_gateway, "alice")

    older.expect({"msgType": CLOSE, "closeCode": 4101})
    older.expect_close(1000)
    assert push(blocking_gateway, to="alice", msg={"for": "the newer"}) == []
    newer.expect({"msgType": BUSINESS, "msg": {"for": "the newer"}})


@serving(**VALKEY, StaleAfterSeconds="0")
def test_ten_idle_minutes_end_a_connection_and_only_that(
    blocking_gateway: BlockingGateway,
) -> None:
    silent, lively = (join(blocking_gateway, who) for who in ("silent", "lively"))

    blocking_gateway.advance(minutes=9)
    lively.send({"msgType": BEAT})
    lively.expect({"msgType": BEAT_ACK})
    blocking_gateway.advance(minutes=1)

    assert silent.expect_close(1001) == (1001, "Going away")
    assert blocking_gateway.gone(silent.connection_id)
    assert len(blocking_gateway.invocations("SweepFunction")) == 10
    assert push(blocking_gateway, to=["silent", "lively"], msg={"n": 1}) == ["silent"]
    lively.expect({"msgType": BUSINESS, "msg": {"n": 1}})


@serving(**VALKEY)
def test_whose_function_dies_or_is_new_loses_a_message_and_no_connection(
    blocking_gateway: BlockingGateway,
) -> None:
    alice = join(blocking_gateway, "alice")

    blocking_gateway.fault(function_error=1)
    alice.send({"msgType": BEAT, "messageId": "lost"})
    alice.expect({"message": "Internal server error"})
    blocking_gateway.fault(function_error=0)
    blocking_gateway.recycle("MessageFunction")
    alice.send({"msgType": BEAT, "messageId": "found"})

    alice.expect({"msgType": BEAT_ACK, "messageId": "found"})
    alice.expect_nothing()
    invocations = blocking_gateway.invocations("MessageFunction")
    assert [(each.error is None, each.is_cold) for each in invocations][-1] == (True, True)


@serving(**VALKEY)
def test_who_has_left_is_missing(blocking_gateway: BlockingGateway) -> None:
    carol = join(blocking_gateway, "carol")

    carol.close()

    *_, goodbye = blocking_gateway.invocations("$disconnect")
    assert goodbye.event["requestContext"]["connectionId"] == carol.connection_id
    assert push(blocking_gateway, to="carol", msg={}) == ["carol"]
