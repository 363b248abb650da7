"""The contract of `DeadLetterQueue`, held by the fake and by SQS (on moto)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from cloudpush.errors import QueueUnavailable
from cloudpush.ports import DeadLetterCount
from cloudpush.queues.dead_letters import SqsDeadLetterQueue
from tests.contract.test_job_queue import sqs_on_moto
from tests.fakes.dead_letters import MemoryDeadLetterQueue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs.client import SQSClient

    from cloudpush.ports import DeadLetterQueue


class Graveyard(Protocol):
    """A queue, and how to put something in."""

    queue: DeadLetterQueue

    def bury(self, *bodies: str) -> None:
        """Let these records lie there."""
        ...


class MemoryGraveyard:
    def __init__(self) -> None:
        queue = MemoryDeadLetterQueue()
        self.queue: DeadLetterQueue = queue
        self.bury = queue.bury


class SqsGraveyard:
    def __init__(self, client: SQSClient) -> None:
        self._client = client
        self._url = client.create_queue(QueueName="dead")["QueueUrl"]
        self.queue: DeadLetterQueue = SqsDeadLetterQueue(client, self._url)

    def bury(self, *bodies: str) -> None:
        for body in bodies:
            self._client.send_message(QueueUrl=self._url, MessageBody=body)


@pytest.fixture(params=["memory", "sqs"])
def graveyard(request: pytest.FixtureRequest) -> Iterator[Graveyard]:
    if request.param == "memory":
        yield MemoryGraveyard()
        return
    with sqs_on_moto() as client:
        yield SqsGraveyard(client)


def test_an_empty_queue_holds_nothing(graveyard: Graveyard) -> None:
    assert graveyard.queue.count() == DeadLetterCount(waiting=0, hidden=0)
    assert list(graveyard.queue.peek()) == []
    assert list(graveyard.queue.take()) == []


def test_a_peek_leaves_everything_where_it_is(graveyard: Graveyard) -> None:
    graveyard.bury("a", "b")

    first = {each.body for each in graveyard.queue.peek()}
    again = {each.body for each in graveyard.queue.peek()}

    assert first == again == {"a", "b"}
    assert graveyard.queue.count() == DeadLetterCount(waiting=2, hidden=0)


def test_what_is_taken_is_hidden_until_it_is_dropped(graveyard: Graveyard) -> None:
    graveyard.bury("a", "b")

    taken = graveyard.queue.take()
    hidden = graveyard.queue.count()
    graveyard.queue.drop([each for each in taken if each.body == "a"])

    assert {each.body for each in taken} == {"a", "b"}
    assert hidden == DeadLetterCount(waiting=0, hidden=2)
    assert list(graveyard.queue.take()) == []
    assert graveyard.queue.count() == DeadLetterCount(waiting=0, hidden=1)


def test_at_most_ten_are_returned(graveyard: Graveyard) -> None:
    graveyard.bury(*map(str, range(11)))

    assert len(graveyard.queue.peek()) == 10
    assert len(graveyard.queue.take()) == 10
    assert len(graveyard.queue.take()) == 1


def test_a_queue_that_is_not_there_does_not_answer() -> None:
    with sqs_on_moto() as client:
        queue = SqsDeadLetterQueue(client, "https://sqs.us-east-1.amazonaws.com/123/none")

        for call in (queue.count, queue.peek, queue.take):
            with pytest.raises(QueueUnavailable):
                call()
