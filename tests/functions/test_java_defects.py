"""The Java system's known defects, each as a sequence of events that led to it there.

The twelfth, that anybody may push to anybody, is tests/e2e/test_java_defects.py.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import connect
import deliver
import disconnect
import message
import push_api
import sweep
from cloudpush.model import SHARDS, Policy, shard_of
from cloudpush.ports import Outcome
from cloudpush.settings import Settings
from tests.fakes.lambda_events import (
    FakeLambdaContext,
    connect_event,
    disconnect_event,
    http_event,
    message_event,
    schedule_event,
    sqs_event,
)

if TYPE_CHECKING:
    from tests.functions.conftest import Environment

CONTEXT = FakeLambdaContext()


def open_connection(environment: Environment, client_id: str, connection_id: str) -> None:
    event = connect_event(
        {"channelId": client_id},
        connection_id=connection_id,
        connected_at_ms=environment.clock(),
    )
    assert connect.handler(event, CONTEXT) == {"statusCode": 200}
    environment.jobs.sent.clear()
    speak(connection_id, {"msgType": 3})


def speak(connection_id: str, envelope: object) -> dict[str, Any]:
    answer = message.handler(
        message_event(json.dumps(envelope), connection_id=connection_id), CONTEXT
    )
    return json.loads(answer["body"])


def push(**body: object) -> dict[str, Any]:
    event = http_event("POST", "/message/send", body=json.dumps({"msg": {}, **body}))
    return json.loads(push_api.handler(event, CONTEXT)["body"])


def test_a_closed_socket_does_not_stay_routable(environment: Environment) -> None:
    open_connection(environment, "alice", "A")
    disconnect.handler(disconnect_event(connection_id="A"), CONTEXT)

    reply = push(to="alice")

    assert reply["data"] == ["alice"]
    assert environment.gateway.posts == []


def test_a_socket_that_closed_without_a_word_is_routable_until_the_first_push(
    environment: Environment,
) -> None:
    environment.script({"A": [Outcome.GONE]})
    open_connection(environment, "alice", "A")
    environment.clock.advance(ms=30_000)

    replies = [push(to="alice"), push(to="alice")]

    assert [reply["data"] for reply in replies] == [["alice"], ["alice"]]
    assert environment.posted_to == ["A"]


def test_the_services_own_pushes_do_not_keep_a_dead_client_alive(
    environment: Environment,
) -> None:
    open_connection(environment, "alice", "A")
    for _ in range(7):
        environment.clock.advance(ms=10_000)
        push(to="alice")

    sweep.handler(schedule_event(), CONTEXT)

    assert environment.gateway.deleted == ["A"]


def test_a_heartbeat_counts_as_a_sign_of_life(environment: Environment) -> None:
    open_connection(environment, "alice", "A")
    for _ in range(7):
        environment.clock.advance(ms=20_000)
        assert speak("A", {"msgType": 3})["msgType"] == 4

    sweep.handler(schedule_event(), CONTEXT)

    assert environment.gateway.deleted == []


@pytest.mark.parametrize("policy", list(Policy))
def test_a_reconnect_is_not_deleted_by_the_end_of_the_connection_before(
    environment: Environment, policy: Policy
) -> None:
    environment.use(Settings(policy=policy))
    open_connection(environment, "alice", "A")
    environment.clock.advance(ms=61_000)
    open_connection(environment, "alice", "B")

    sweep.handler(schedule_event(), CONTEXT)
    disconnect.handler(disconnect_event(connection_id="A"), CONTEXT)
    disconnect.handler(disconnect_event(connection_id="A"), CONTEXT)

    assert push(to="alice")["data"] == []
    assert environment.posted_to[-1] == "B"


def test_a_late_heartbeat_does_not_bring_back_a_client(environment: Environment) -> None:
    open_connection(environment, "alice", "A")
    disconnect.handler(disconnect_event(connection_id="A"), CONTEXT)

    answer = speak("A", {"msgType": 3})

    assert answer["code"] == "not_connected"
    assert push(to="alice")["data"] == ["alice"]


def test_one_vanished_target_does_not_repeat_the_batch(environment: Environment) -> None:
    environment.script({"client7": [Outcome.GONE], "client8": [Outcome.UNAVAILABLE]})
    names = [f"client{number}" for number in range(20)]
    for name in names:
        environment.connect(name, name)

    reply = push(to=names)
    deliver.handler(sqs_event(*environment.jobs.jobs), CONTEXT)

    assert reply["data"] == ["client7"]
    assert sorted(environment.posted_to) == sorted([*names, "client8"])


def test_a_push_asks_the_store_once_whatever_else_lies_in_it(environment: Environment) -> None:
    for number in range(200):
        environment.connect(f"client{number}")

    push(to=["client1", "client2", "nobody"])

    assert environment.store.calls == ["resolve"]


def test_an_error_reaches_the_client(environment: Environment) -> None:
    open_connection(environment, "alice", "A")

    answer = speak("A", {"msgType": 1, "messageId": "m-1", "msg": {}})

    assert (answer["msgType"], answer["code"], answer["messageId"]) == (-1, "no_target", "m-1")


def test_targets_do_not_share_one_mutable_request(environment: Environment) -> None:
    names = [f"client{number}" for number in range(100)]
    connections = [environment.connect(name, name) for name in names]

    push(to=names)

    envelopes = [json.loads(post.data) for post in environment.gateway.posts]
    assert [each["to"] for each in envelopes] == names
    assert [each["sessionId"] for each in envelopes] == [each.session_id for each in connections]
    assert len({each["messageId"] for each in envelopes}) == 1


def address_of(client_id: str) -> str:
    answer = push_api.handler(
        http_event("GET", "/server/get", query=f"channelId={client_id}"), CONTEXT
    )
    return json.loads(answer["body"])["data"]["address"]


def test_where_a_client_is_sent_follows_from_nothing_that_somebody_must_have_written(
    environment: Environment,
) -> None:
    before = address_of("alice")
    query = dict(parse_qsl(urlsplit(before).query))
    event = connect_event(query, connection_id="A", connected_at_ms=environment.clock())

    connected = connect.handler(event, CONTEXT)
    speak("A", {"msgType": 3})

    assert connected == {"statusCode": 200}
    assert address_of("alice") == before
    assert push(to="alice")["data"] == []
    assert environment.posted_to[-1] == "A"


def test_what_is_empty_does_not_draw_every_client(environment: Environment) -> None:
    for number in range(1000):
        environment.connect(f"early{number}")
    addresses = {address_of(f"late{number}").partition("?")[0] for number in range(100)}
    for shard in range(0, SHARDS, 2):
        for each in environment.store.read_shard(shard, now_ms=environment.clock()).connections:
            environment.store.forget(each.connection_id, now_ms=environment.clock())

    late = [environment.connect(f"late{number}") for number in range(100)]

    shares = Counter(shard_of(each.connection_id) for each in late)
    assert {address_of(each.client_id).partition("?")[0] for each in late} == addresses
    assert len(addresses) == 1
    assert max(shares.values()) <= 5
    assert sum(shares[shard] for shard in range(1, SHARDS, 2)) in range(30, 70)
