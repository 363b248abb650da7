"""Mappings and schedules of a template, on the real queues."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local_gateway import clock
from local_gateway.api import (
    Application,
    Function,
    Identity,
    Queue,
    QueueMapping,
    Schedule,
)
from local_gateway.errors import TemplateError
from local_gateway.services import Services
from local_gateway.sources import Sources
from tests.fakes.invocations import RecordingFunctions, failed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

import pytest_asyncio

IDENTITY = Identity()


def queue(name: str, **attributes: str) -> Queue:
    return Queue(
        logical_id=name.title(),
        name=name,
        arn=f"arn:aws:sqs:us-east-1:123456789012:{name}",
        url=f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}",
        attributes=attributes,
    )


DEAD = queue("dead")
REDRIVE = json.dumps({"deadLetterTargetArn": DEAD.arn, "maxReceiveCount": 2})
JOBS = queue("jobs", VisibilityTimeout="1", RedrivePolicy=REDRIVE)


def function(name: str, timeout_seconds: int = 1) -> Function:
    return Function(
        logical_id=name,
        name=name,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        handler="x.handler",
        runtime="python3.13",
        code=Path(),
        timeout_seconds=timeout_seconds,
    )


def mapping(of: Queue, to: str, **settings: Any) -> QueueMapping:  # noqa: ANN401 — fields of many types
    return QueueMapping(logical_id=f"{to}Mapping", queue=of.logical_id, function=to, **settings)


def application(
    *mappings: QueueMapping, schedules: tuple[Schedule, ...] = (), timeout_seconds: int = 1
) -> Application:
    names = ("Work", "Bury")
    return Application(
        template=Path("template.yaml"),
        identity=IDENTITY,
        functions={name: function(name, timeout_seconds) for name in names},
        websocket_apis={},
        http_apis={},
        queues={"Dead": DEAD, "Jobs": JOBS},
        tables={},
        queue_mappings=mappings,
        schedules=schedules,
    )


@pytest_asyncio.fixture
async def services() -> AsyncGenerator[Services]:
    started = Services(IDENTITY)
    await started.start(application())
    yield started
    await started.stop()


async def send(services: Services, *texts: str) -> None:
    for text in texts:
        arguments = {"QueueUrl": JOBS.url, "MessageBody": text}
        await services.client.call("sqs", "SendMessage", arguments)


async def test_what_is_sent_reaches_the_function_and_leaves_the_queue(services: Services) -> None:
    functions = RecordingFunctions()
    sources = Sources(application(mapping(JOBS, "Work")), functions, services)
    await sources.start()

    await send(services, "a")
    [event] = await functions.wait_for("Work", 1)
    await sources.stop()

    [record] = event["Records"]
    assert record["body"] == "a"
    assert record["eventSourceARN"] == JOBS.arn
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    attributes = {"QueueUrl": JOBS.url, "AttributeNames": ["All"]}
    found = await services.client.call("sqs", "GetQueueAttributes", attributes)
    assert found["Attributes"]["ApproximateNumberOfMessages"] == "0"
    assert found["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "0"


async def test_what_fails_comes_back_counted_and_ends_as_a_dead_letter(services: Services) -> None:
    functions = RecordingFunctions(Work=[failed()])
    both = application(mapping(JOBS, "Work"), mapping(DEAD, "Bury"), timeout_seconds=1)
    sources = Sources(both, functions, services)
    await sources.start()

    await send(services, "bad")
    [buried] = await functions.wait_for("Bury", 1)
    await sources.stop()

    counts = [
        event["Records"][0]["attributes"]["ApproximateReceiveCount"]
        for event in functions.events["Work"]
    ]
    assert counts == ["1", "2"]
    assert buried["Records"][0]["body"] == "bad"
    assert buried["Records"][0]["eventSourceARN"] == DEAD.arn


async def test_only_what_was_reported_comes_back(services: Services) -> None:
    def report(event: dict[str, Any]) -> dict[str, Any]:
        ids = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}

    functions = RecordingFunctions(Work=[report])
    settings = {"reports_batch_item_failures": True, "batching_window_seconds": 1, "batch_size": 3}
    sources = Sources(application(mapping(JOBS, "Work", **settings)), functions, services)
    await sources.start()

    await send(services, "good", "bad", "fine")
    first, second = await functions.wait_for("Work", 2)
    await sources.stop()

    assert [record["body"] for record in first["Records"]] == ["good", "bad", "fine"]
    assert [record["body"] for record in second["Records"]] == ["bad"]


async def test_a_mapping_that_is_not_enabled_takes_nothing(services: Services) -> None:
    functions = RecordingFunctions()
    off = mapping(JOBS, "Work", is_enabled=False)
    sources = Sources(application(off, mapping(DEAD, "Bury")), functions, services)
    await sources.start()

    await send(services, "a")
    marker = {"QueueUrl": DEAD.url, "MessageBody": "marker"}
    await services.client.call("sqs", "SendMessage", marker)
    await functions.wait_for("Bury", 1)
    await sources.stop()

    assert functions.events["Work"] == []


@pytest.mark.usefixtures("still")
async def test_schedules_fire_and_stop(services: Services) -> None:
    soon = Schedule(logical_id="Soon", name="soon", expression="rate(1 hour)", function="Work")
    off = Schedule(
        logical_id="Off",
        name="off",
        expression="rate(1 minute)",
        function="Work",
        is_enabled=False,
    )
    functions = RecordingFunctions()
    sources = Sources(application(schedules=(soon, off)), functions, services)

    await sources.start()
    await clock.advance(3600)
    await asyncio.wait(sources.running())
    await sources.stop()
    await clock.advance(3600)

    assert not sources.running()
    assert [event["resources"] for event in functions.events["Work"]] == [
        ["arn:aws:events:us-east-1:123456789012:rule/soon"]
    ]


@pytest.mark.usefixtures("still")
async def test_a_schedule_that_a_changed_template_leaves_alone_keeps_its_times(
    services: Services,
) -> None:
    kept = Schedule(logical_id="Kept", name="kept", expression="rate(1 hour)", function="Work")
    gone = replace(kept, logical_id="Gone", name="gone", function="Bury")
    new = replace(kept, logical_id="New", name="new", function="Bury")
    functions = RecordingFunctions()
    sources = Sources(application(schedules=(kept, gone)), functions, services)
    await sources.start()
    await clock.advance(1800)

    sources.reload(application(schedules=(kept, new)))
    await clock.advance(1800)
    await asyncio.wait(sources.running())
    before = {name: len(functions.events[name]) for name in ("Work", "Bury")}
    await clock.advance(1800)
    await asyncio.wait(sources.running())
    await sources.stop()

    assert before == {"Work": 1, "Bury": 0}
    assert [event["resources"] for event in functions.events["Bury"]] == [
        ["arn:aws:events:us-east-1:123456789012:rule/new"]
    ]


async def test_a_batch_of_a_mapping_that_a_changed_template_replaces_ends_as_it_began(
    services: Services,
) -> None:
    functions = RecordingFunctions()
    functions.hold = asyncio.Event()
    long = replace(JOBS, attributes={"VisibilityTimeout": "30"})
    sources = Sources(application(mapping(long, "Work")), functions, services)
    await sources.start()
    await send(services, "begun")
    await functions.wait_for("Work", 1)

    sources.reload(application(mapping(long, "Work", batch_size=1)))
    await send(services, "next")
    await functions.wait_for("Work", 2)
    functions.hold.set()
    await asyncio.wait(sources.running())
    await sources.stop()

    attributes = {"QueueUrl": JOBS.url, "AttributeNames": ["All"]}
    left = (await services.client.call("sqs", "GetQueueAttributes", attributes))["Attributes"]
    assert [len(event["Records"]) for event in functions.events["Work"]] == [1, 1]
    assert left["ApproximateNumberOfMessages"] == "0"
    assert left["ApproximateNumberOfMessagesNotVisible"] == "0"


async def test_a_mapping_of_a_changed_template_has_the_faults_that_are_on(
    services: Services,
) -> None:
    functions = RecordingFunctions()
    sources = Sources(application(), functions, services)
    await sources.start()
    sources.repeat(lambda: True, on=True)

    sources.reload(application(mapping(JOBS, "Work")))
    await send(services, "twice")
    events = await functions.wait_for("Work", 2)
    await sources.stop()

    assert [event["Records"][0]["body"] for event in events] == ["twice", "twice"]


async def test_a_function_that_may_outlast_the_visibility_timeout_is_refused() -> None:
    with pytest.raises(TemplateError) as caught:
        Sources(
            application(mapping(JOBS, "Work"), timeout_seconds=2),
            RecordingFunctions(),
            Services(IDENTITY),
        )

    assert str(caught.value) == (
        "template.yaml: WorkMapping.Properties.EventSourceArn: the queue Jobs has a visibility "
        "timeout of 1 seconds, less than the 2 seconds of the function Work. Supported: a "
        "VisibilityTimeout of at least the function's Timeout."
    )


async def test_an_expression_that_aws_would_refuse_is_refused() -> None:
    wrong = Schedule(logical_id="Rule", name="rule", expression="rate(5 minute)", function="Work")

    with pytest.raises(TemplateError) as caught:
        Sources(application(schedules=(wrong,)), RecordingFunctions(), Services(IDENTITY))

    assert str(caught.value).startswith(
        "template.yaml: Rule.Properties.ScheduleExpression: 'rate(5 minute)': write rate(5 minutes)"
    )
