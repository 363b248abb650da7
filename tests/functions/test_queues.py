"""`deliver`, `fan_out` and `sweep`, through their entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import deliver
import fan_out
import sweep
from cloudpush.model import Delivery, Eviction, FanOut, Welcome
from cloudpush.ports import Outcome
from cloudpush.settings import Settings
from tests.fakes.lambda_events import FakeLambdaContext, schedule_event, sqs_event
from tests.fakes.push_service import a_connection, a_publication

if TYPE_CHECKING:
    from tests.fakes.telemetry import Lines
    from tests.functions.conftest import Environment

NONE_FAILED: dict[str, list[dict[str, str]]] = {"batchItemFailures": []}


class TestDeliver:
    def test_does_every_kind_of_job_of_a_batch(
        self, environment: Environment, lines: Lines
    ) -> None:
        alice = environment.connect("alice")
        bob = environment.connect("bob")
        event = sqs_event(
            Welcome(connection=alice),
            Delivery(publication=a_publication(), connections=[alice, bob]),
            Eviction(connection=bob, close_code=4101),
        )

        answer = deliver.handler(event, FakeLambdaContext())

        assert answer == NONE_FAILED
        assert sorted(environment.posted_to) == ["alice-1", "alice-1", "bob-1", "bob-1"]
        assert environment.gateway.deleted == ["bob-1"]
        assert lines.metrics == {"PostsSent": 4}

    def test_a_record_fails_alone(self, environment: Environment, lines: Lines) -> None:
        environment.script({"bob-1": [Outcome.UNAVAILABLE]})
        environment.jobs.is_down = True
        alice, bob = environment.connect("alice"), environment.connect("bob")
        publication = a_publication()
        event = sqs_event(
            Delivery(publication=publication, connections=[alice]),
            "not a job",
            Delivery(publication=publication, connections=[bob]),
            FanOut(message_id=publication.message_id),
        )

        answer = deliver.handler(event, FakeLambdaContext())

        assert answer == {
            "batchItemFailures": [
                {"itemIdentifier": "1"},
                {"itemIdentifier": "2"},
                {"itemIdentifier": "3"},
            ]
        }
        assert environment.posted_to == ["alice-1", "bob-1"]
        assert [line["record_id"] for line in lines.logs] == ["1", "2", "3"]

    def test_one_vanished_target_does_not_repeat_the_batch_for_the_others(
        self, environment: Environment
    ) -> None:
        # Java defect: one vanished target makes the whole batch be delivered again.
        environment.script({"bob-1": [Outcome.GONE]})
        connections = [environment.connect(name) for name in ("alice", "bob", "carol")]
        event = sqs_event(Delivery(publication=a_publication(), connections=connections))

        answer = deliver.handler(event, FakeLambdaContext())

        assert answer == NONE_FAILED
        assert environment.posted_to == ["alice-1", "bob-1", "carol-1"]
        assert environment.jobs.sent == []


class TestFanOut:
    def test_reaches_everybody(self, environment: Environment, lines: Lines) -> None:
        everybody = [environment.connect(f"client{number}") for number in range(40)]
        job = environment.accept_for_all()

        answer = fan_out.handler(sqs_event(job), FakeLambdaContext())

        assert answer == NONE_FAILED
        assert sorted(environment.posted_to) == sorted(each.connection_id for each in everybody)
        assert lines.metrics == {"PostsSent": 40}

    def test_hands_on_when_its_time_is_nearly_up(self, environment: Environment) -> None:
        job = environment.accept_for_all()

        answer = fan_out.handler(sqs_event(job), FakeLambdaContext(9_000))

        assert answer == NONE_FAILED
        assert environment.fan_outs.jobs == [FanOut(message_id=job.message_id, doublings=4, hop=2)]

    def test_a_job_of_another_queue_fails(self, environment: Environment) -> None:
        answer = fan_out.handler(sqs_event(Welcome(connection=a_connection())), FakeLambdaContext())

        assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
        assert environment.gateway.posts == []


class TestSweep:
    def test_closes_who_is_silent(self, environment: Environment, lines: Lines) -> None:
        environment.connect("alice", seconds_ago=61)
        environment.connect("bob", seconds_ago=60)

        answer = sweep.handler(schedule_event(), FakeLambdaContext())

        assert answer == {}
        assert environment.gateway.deleted == ["alice-1"]
        assert lines.metrics == {"PostsSent": 1, "ConnectionsSwept": 1, "Online": 1}

    def test_a_limit_of_zero_is_off(self, environment: Environment) -> None:
        environment.use(Settings(stale_after_ms=0))
        environment.connect("alice", seconds_ago=7000)

        sweep.handler(schedule_event(), FakeLambdaContext())

        assert environment.gateway.deleted == []
