"""What invokes a function by itself: queues, rules and schedules.

`AWS::Lambda::EventSourceMapping`, `AWS::Events::Rule` and `AWS::Scheduler::Schedule`. Limits that
take a queue or a clock to judge are checked in `local_gateway.sources`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from local_gateway.api import QueueMapping, Schedule
from local_gateway.errors import UnresolvedValue

if TYPE_CHECKING:
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

_QUEUE: Final = "AWS::SQS::Queue"
_WITHOUT_WINDOW: Final = 10
_UTC: Final = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT"})


def read_queue_mappings(declarations: Declarations) -> tuple[QueueMapping, ...]:
    """Return the mappings from this template's queues; other sources are ignored, with a reason.

    Raises:
        TemplateError: A property is out of its limits.
        UnsupportedFeature: The function is none of this template, or there is a filter.
    """
    found: list[QueueMapping] = []
    for logical_id, properties in declarations.of_type("AWS::Lambda::EventSourceMapping"):
        source = _optional_text(properties, "EventSourceArn")
        queue = declarations.find(_QUEUE, source) if source else None
        if queue is None:
            shown = "its source" if source is None else source
            reason = f"{shown} is no SQS queue of this template, the only event source emulated"
            declarations.ignore(logical_id, reason)
            continue
        if properties.has("FilterCriteria"):
            raise properties.unsupported("FilterCriteria", "filters records", allowed="none")
        found.append(_read_mapping(logical_id, queue, properties, declarations))
    return tuple(found)


def _read_mapping(
    logical_id: str, queue: str, properties: Properties, declarations: Declarations
) -> QueueMapping:
    is_fifo = declarations.name(queue).endswith(".fifo")
    window = properties.integer("MaximumBatchingWindowInSeconds", 0, least=0, most=300)
    most = _WITHOUT_WINDOW if is_fifo else 10_000
    size = properties.integer("BatchSize", 10, least=1, most=most)
    if size > _WITHOUT_WINDOW and window == 0:
        raise properties.error(
            "MaximumBatchingWindowInSeconds",
            f"is 0, with a BatchSize of {size}",
            allowed=f"1 to 300 where BatchSize is more than {_WITHOUT_WINDOW}",
        )
    responses = properties.texts("FunctionResponseTypes")
    scaling = properties.mapping("ScalingConfig")
    return QueueMapping(
        logical_id=logical_id,
        queue=queue,
        function=_function(properties, "FunctionName", declarations),
        batch_size=size,
        batching_window_seconds=window,
        reports_batch_item_failures="ReportBatchItemFailures" in responses,
        maximum_concurrency=(
            scaling.optional_integer("MaximumConcurrency", least=2, most=1_000) if scaling else None
        ),
        is_enabled=properties.boolean("Enabled", default=True),
    )


def _function(properties: Properties, name: str, declarations: Declarations) -> str:
    text = properties.text(name)
    function = declarations.find_function(text)
    if function is None:
        raise properties.unsupported(
            name, f"is {text!r}", allowed="a function of this template, by name or ARN"
        )
    return function


def _optional_text(properties: Properties, name: str) -> str | None:
    """Return a text, None also where it can't be known locally."""
    try:
        return properties.optional_text(name)
    except UnresolvedValue:
        return None


def read_schedules(declarations: Declarations) -> tuple[Schedule, ...]:
    """Return the rules with a schedule and the schedules whose target is a function.

    Raises:
        TemplateError: An input is no JSON.
        UnsupportedFeature: A time zone, a flexible window, or a target's input transformation.
    """
    return (*_rules(declarations), *_schedules(declarations))


def _rules(declarations: Declarations) -> list[Schedule]:
    found: list[Schedule] = []
    for logical_id, properties in declarations.of_type("AWS::Events::Rule"):
        expression = properties.optional_text("ScheduleExpression")
        if expression is None:
            declarations.ignore(logical_id, "it matches events, and only schedules are emulated")
            continue
        for target in properties.mappings("Targets"):
            function = _target(logical_id, target, declarations)
            if function is None:
                continue
            for name in ("InputPath", "InputTransformer"):
                if target.has(name):
                    raise target.unsupported(name, "changes the event", allowed="Input")
            found.append(
                Schedule(
                    logical_id=logical_id,
                    name=declarations.name(logical_id),
                    expression=expression,
                    function=function,
                    payload=_payload(target),
                    is_enabled=properties.text("State", "ENABLED") != "DISABLED",
                )
            )
    return found


def _schedules(declarations: Declarations) -> list[Schedule]:
    found: list[Schedule] = []
    for logical_id, properties in declarations.of_type("AWS::Scheduler::Schedule"):
        target = properties.mapping("Target")
        if target is None:
            raise properties.error("Target", "is missing")
        function = _target(logical_id, target, declarations)
        if function is None:
            continue
        _check_plain(properties)
        found.append(
            Schedule(
                logical_id=logical_id,
                name=declarations.name(logical_id),
                expression=properties.text("ScheduleExpression"),
                function=function,
                payload=_payload(target),
                kind="scheduler",
                is_enabled=properties.choice("State", ("ENABLED", "DISABLED"), "ENABLED")
                == "ENABLED",
            )
        )
    return found


def _target(logical_id: str, target: Properties, declarations: Declarations) -> str | None:
    arn = _optional_text(target, "Arn")
    function = declarations.find_function(arn) if arn else None
    if function is None:
        shown = "its target" if arn is None else f"its target {arn}"
        declarations.ignore(logical_id, f"{shown} is no function of this template")
    return function


def _check_plain(properties: Properties) -> None:
    zone = properties.text("ScheduleExpressionTimezone", "UTC")
    if zone not in _UTC:
        raise properties.unsupported("ScheduleExpressionTimezone", f"is {zone}", allowed="UTC")
    window = properties.mapping("FlexibleTimeWindow")
    if window is not None and window.choice("Mode", ("OFF", "FLEXIBLE")) == "FLEXIBLE":
        raise window.unsupported("Mode", "is FLEXIBLE", allowed="OFF")
    for name in ("StartDate", "EndDate"):
        if properties.has(name):
            raise properties.unsupported(name, f"is {properties.text(name)}", allowed="none")


def _payload(target: Properties) -> str | None:
    payload = target.optional_text("Input")
    if payload is not None:
        try:
            json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise target.error("Input", f"is no JSON: {payload!r}") from error
    return payload
