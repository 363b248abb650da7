"""`connect` and `disconnect`, through their entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import connect
import disconnect
from cloudpush import wiring
from cloudpush.model import Eviction, Policy, Welcome
from cloudpush.settings import Settings
from tests.fakes.lambda_events import (
    CONNECTION_ID,
    FakeLambdaContext,
    connect_event,
    disconnect_event,
)
from tests.fakes.push_service import NOON_MS

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

ALICE = {"channelId": "alice"}


class TestConnect:
    def test_admits_a_client_and_has_it_greeted(self, environment: Environment) -> None:
        event = connect_event(ALICE, connected_at_ms=NOON_MS)

        answer = connect.handler(event, FakeLambdaContext())

        assert answer == {"statusCode": 200}
        admitted = environment.find(CONNECTION_ID)
        assert admitted is not None
        assert (admitted.client_id, admitted.connected_at_ms, admitted.is_open) == (
            "alice",
            NOON_MS,
            False,
        )
        assert len(admitted.session_id) == 32
        assert environment.jobs.jobs == [Welcome(connection=admitted)]

    @pytest.mark.parametrize(
        "query",
        [None, {"token": "x"}, {"channelId": ""}, {"channelId": "a b"}, {"channelId": "x" * 129}],
    )
    def test_refuses_without_or_with_an_ill_formed_client_id(
        self, environment: Environment, query: dict[str, str] | None
    ) -> None:
        answer = connect.handler(connect_event(query), FakeLambdaContext())

        assert answer == {"statusCode": 400}
        assert environment.find(CONNECTION_ID) is None

    def test_refuses_one_connection_too_many_with_429(self, environment: Environment) -> None:
        for number in range(50):
            environment.connect("alice", str(number))

        answer = connect.handler(connect_event(ALICE, connected_at_ms=NOON_MS), FakeLambdaContext())

        assert answer == {"statusCode": 429}

    def test_under_single_the_older_connection_is_closed(self, environment: Environment) -> None:
        environment.use(Settings(policy=Policy.SINGLE))
        older = environment.connect("alice", "older")

        connect.handler(connect_event(ALICE, connected_at_ms=NOON_MS), FakeLambdaContext())

        assert environment.jobs.jobs[1:] == [Eviction(connection=older, close_code=4101)]
        assert environment.find("older") is None

    @pytest.mark.parametrize("down", ["store", "queue"])
    def test_says_that_it_is_worth_trying_again_when_something_is_down(
        self, environment: Environment, lines: Lines, down: str
    ) -> None:
        environment.store.down = {"admit"} if down == "store" else set()
        environment.jobs.is_down = down == "queue"

        answer = connect.handler(connect_event(ALICE, connected_at_ms=NOON_MS), FakeLambdaContext())

        assert answer == {"statusCode": 503}
        [line] = lines.logs
        assert line["message"] == f"{down}_unavailable"
        assert line["connection_id"] == CONNECTION_ID
        assert line["request_id"] == "QyUg1HJgCYcFvbw="
        assert "Traceback" in line["exception"]

    def test_a_deployment_that_is_configured_wrong_is_our_fault(
        self, environment: Environment, lines: Lines
    ) -> None:
        wiring.install(wiring.Wiring(Settings(store="redis")))

        answer = connect.handler(connect_event(ALICE), FakeLambdaContext())

        assert answer == {"statusCode": 500}
        assert "REDIS_URL is not set" in lines.text
        assert environment.jobs.sent == []


class TestDisconnect:
    def test_forgets_the_connection_and_no_other_of_the_client(
        self, environment: Environment
    ) -> None:
        environment.connect("alice", CONNECTION_ID)
        other = environment.connect("alice", "other")

        answer = disconnect.handler(disconnect_event(), FakeLambdaContext())

        assert answer == {"statusCode": 200}
        found = environment.store.resolve(["alice"], now_ms=environment.clock())
        assert found == {"alice": (other,)}

    def test_that_comes_twice_or_for_an_unknown_connection_changes_nothing(
        self, environment: Environment
    ) -> None:
        environment.connect("alice", "other")

        first = disconnect.handler(disconnect_event(), FakeLambdaContext())
        second = disconnect.handler(disconnect_event(), FakeLambdaContext())

        assert first == second == {"statusCode": 200}
        assert environment.find("other") is not None

    def test_that_overtakes_its_connect_leaves_nothing_routable(
        self, environment: Environment
    ) -> None:
        disconnect.handler(disconnect_event(), FakeLambdaContext())

        connect.handler(connect_event(ALICE, connected_at_ms=NOON_MS), FakeLambdaContext())

        assert environment.store.resolve(["alice"], now_ms=environment.clock()) == {}

    def test_a_store_that_is_down_is_logged(self, environment: Environment, lines: Lines) -> None:
        environment.store.down = {"forget"}

        answer = disconnect.handler(disconnect_event(), FakeLambdaContext())

        assert answer == {"statusCode": 503}
        assert [line["message"] for line in lines.logs] == ["store_unavailable"]
