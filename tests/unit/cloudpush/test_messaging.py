from __future__ import annotations

import json
from typing import Any

import pytest

from cloudpush import messaging
from cloudpush.errors import (
    ClientError,
    CloudpushError,
    InvalidMessage,
    NoTarget,
    NotConnected,
    PayloadTooLarge,
    StoreUnavailable,
    TooManyTargets,
    Unsupported,
)
from cloudpush.messaging import Answer
from cloudpush.model import Drain
from cloudpush.outcomes import Report
from cloudpush.ports import Outcome
from cloudpush.rights import EVERYBODY, Principal
from tests.fakes.limits import NO_LIMIT
from tests.fakes.push_service import NOON_MS, Stage

MESSAGE_ID = "f" * 32


async def receive(
    stage: Stage,
    text: str | None,
    *,
    connection_id: str = "bob-1",
    principal: Principal = EVERYBODY,
    stale_after_ms: int = 60_000,
) -> Answer:
    return await messaging.receive(
        text,
        connection_id=connection_id,
        message_id=MESSAGE_ID,
        principal=principal,
        stale_after_ms=stale_after_ms,
        limit=NO_LIMIT,
        mailroom=stage.mailroom,
        clock=stage.clock,
    )


def read(answer: Answer) -> dict[str, Any]:
    assert answer.envelope is not None
    return json.loads(answer.envelope)


class TestSignOfLife:
    async def test_a_heartbeat_is_acknowledged_and_counts(self) -> None:
        # Java defect: ping is answered but does not count as a sign of life.
        stage = Stage()
        bob = stage.connect("bob", seconds_ago=30)

        answer = await receive(stage, '{"msgType":3,"messageId":"m-1"}')

        assert read(answer) == {
            "msgType": 4,
            "to": "bob",
            "sessionId": bob.session_id,
            "messageId": "m-1",
            "activeTime": NOON_MS,
        }
        found = stage.find("bob-1")
        assert found is not None
        assert found.last_seen_ms == NOON_MS

    @pytest.mark.parametrize(
        ("stale_after_ms", "seconds_ago", "writes"),
        [
            (60_000, 19, []),
            (60_000, 20, ["touch"]),
            (3_000, 1, ["touch"]),
            (0, 3600, []),
        ],
        ids=["within-a-third", "after-a-third", "short-limit", "off"],
    )
    async def test_is_written_at_most_once_in_a_third_of_the_limit(
        self, stale_after_ms: int, seconds_ago: int, writes: list[str]
    ) -> None:
        stage = Stage()
        stage.connect("bob", seconds_ago=seconds_ago)

        await receive(stage, '{"msgType":3}', stale_after_ms=stale_after_ms)

        assert stage.store.calls == ["get", *writes]

    async def test_the_first_frame_opens_a_pending_connection_even_where_the_limit_is_off(
        self,
    ) -> None:
        stage = Stage()
        stage.connect("bob", seconds_ago=1, is_open=False)

        await receive(stage, '{"msgType":3}', stale_after_ms=0)

        found = stage.find("bob-1")
        assert found is not None
        assert found.is_open

    @pytest.mark.parametrize("text", [None, "", "hello", '{"msgType":7}', "[" * 100_000])
    async def test_whatever_a_client_sends_counts(self, text: str | None) -> None:
        stage = Stage()
        stage.connect("bob", seconds_ago=30)

        with pytest.raises(ClientError):
            await receive(stage, text)

        found = stage.find("bob-1")
        assert found is not None
        assert found.last_seen_ms == NOON_MS

    async def test_a_late_heartbeat_does_not_bring_back_a_connection_that_was_forgotten(
        self,
    ) -> None:
        # Java defect: a late heartbeat resurrects a removed client.
        stage = Stage()
        stage.connect("bob")
        stage.store.forget("bob-1", now_ms=stage.clock())

        with pytest.raises(NotConnected) as caught:
            await receive(stage, '{"msgType":3,"messageId":"m-1"}')

        assert stage.find("bob-1") is None
        assert caught.value.message_id == "m-1"

    async def test_a_store_that_is_down_says_which_message_failed(self) -> None:
        stage = Stage()
        stage.connect("bob")
        stage.store.down = {"get"}

        with pytest.raises(StoreUnavailable) as caught:
            await receive(stage, '{"msgType":1,"to":"alice","msg":{},"messageId":"m-1"}')

        assert caught.value.message_id == "m-1"


class TestBusiness:
    async def test_reaches_its_targets_and_tells_the_sender_who_is_missing(self) -> None:
        stage = Stage()
        bob, alice = stage.connect("bob"), stage.connect("alice")

        answer = await receive(
            stage,
            '{"msgType":1,"to":["alice","nobody"],"msg":{"k":"é"},"messageId":"m-1","from":"eve"}',
        )

        [post] = stage.gateway.posts
        assert post.connection_id == "alice-1"
        assert json.loads(post.data) == {
            "msgType": 1,
            "to": "alice",
            "sessionId": alice.session_id,
            "trigger": 2,
            "from": "bob",
            "messageId": MESSAGE_ID,
            "activeTime": NOON_MS,
            "msg": {"k": "é"},
        }
        assert read(answer) == {
            "msgType": 2,
            "to": "bob",
            "sessionId": bob.session_id,
            "messageId": "m-1",
            "activeTime": NOON_MS,
            "missing": ["nobody"],
        }

    async def test_takes_a_single_client_id_and_an_empty_msg(self) -> None:
        stage = Stage()
        stage.connect("bob")

        answer = await receive(stage, '{"msgType":1,"to":"bob","msg":{}}')

        assert stage.posted_to == ["bob-1"]
        assert read(answer)["missing"] == []

    async def test_reports_what_became_of_the_posts(self) -> None:
        stage = Stage({"alice-1": [Outcome.TOO_LARGE]})
        stage.connect("bob")
        alice = stage.connect("alice")

        answer = await receive(stage, '{"msgType":1,"to":"alice","msg":{}}')

        assert answer.report is not None
        assert answer.report.dropped == [(alice, Outcome.TOO_LARGE)]

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ('"msg":{}', NoTarget),
            ('"msg":{},"to":""', NoTarget),
            ('"msg":{},"to":[]', NoTarget),
            ('"msg":{},"to":null', NoTarget),
            ('"to":"alice"', InvalidMessage),
            ('"to":"alice","msg":null', InvalidMessage),
            ('"to":"alice","msg":[]', InvalidMessage),
            ('"to":"alice","msg":{"s":"' + "x" * 122_790 + '"}', PayloadTooLarge),
            ('"msg":{},"to":[' + ",".join(['"a"'] * 1001) + "]", TooManyTargets),
        ],
        ids=lambda value: str(value)[:24],
    )
    async def test_refuses_what_cannot_be_published(
        self, fields: str, error: type[CloudpushError]
    ) -> None:
        stage = Stage()
        stage.connect("bob")
        stage.connect("alice")

        with pytest.raises(error) as caught:
            await receive(stage, f'{{"msgType":1,"messageId":"m-1",{fields}}}')

        assert caught.value.message_id == "m-1"
        assert stage.gateway.posts == []


class TestOtherTypes:
    async def test_a_receipt_is_taken_without_an_answer(self) -> None:
        stage = Stage()
        stage.connect("bob")

        answer = await receive(stage, '{"msgType":2,"messageId":"m-1"}')

        assert answer == Answer(report=Report())

    @pytest.mark.parametrize("number", range(5, 13))
    async def test_reserved_types_are_unsupported(self, number: int) -> None:
        stage = Stage()
        stage.connect("bob")

        with pytest.raises(Unsupported, match=str(number)) as caught:
            await receive(stage, f'{{"msgType":{number},"messageId":"m-1"}}')

        assert caught.value.message_id == "m-1"

    @pytest.mark.parametrize("number", [-1, 0, 4, 14, 15])
    async def test_what_only_the_service_sends_is_invalid(self, number: int) -> None:
        stage = Stage()
        stage.connect("bob")

        with pytest.raises(InvalidMessage, match="by the service alone"):
            await receive(stage, f'{{"msgType":{number}}}')


async def test_the_first_frame_of_a_pending_connection_has_its_inbox_looked_after() -> None:
    stage = Stage()
    stage.connect("bob", is_open=False)

    await receive(stage, '{"msgType":3}')
    await receive(stage, '{"msgType":3}')

    assert [(each.job, each.delay_seconds) for each in stage.jobs.sent] == [
        (Drain(client_ids=["bob"]), 1)
    ]
