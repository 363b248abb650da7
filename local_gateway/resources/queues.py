"""`AWS::SQS::Queue`: what `CreateQueue` is called with."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from local_gateway.api import Queue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties
    from local_gateway.tree import Value

_KIND: Final = "AWS::SQS::Queue"
_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
"""Least and most of each (SQS API reference, "SetQueueAttributes")."""
_FIFO_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}


def read(declarations: Declarations) -> dict[str, Queue]:
    """Return the queues by logical id.

    Raises:
        TemplateError: An attribute is out of its limits, or the dead-letter queue isn't here.
    """
    return {
        logical_id: Queue(
            logical_id=logical_id,
            name=_name(logical_id, properties, declarations),
            arn=declarations.arn(logical_id),
            url=declarations.id(logical_id),
            attributes=MappingProxyType(_attributes(properties, declarations)),
        )
        for logical_id, properties in declarations.of_type(_KIND)
    }


def _name(logical_id: str, properties: Properties, declarations: Declarations) -> str:
    name = declarations.name(logical_id)
    if properties.boolean("FifoQueue") != name.endswith(".fifo"):
        raise properties.error(
            "QueueName", f"is {name!r}", allowed="a name that ends in .fifo, with FifoQueue: true"
        )
    return name


def _attributes(properties: Properties, declarations: Declarations) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, (least, most) in _NUMBERS.items():
        number = properties.optional_integer(name, least=least, most=most)
        if number is not None:
            attributes[name] = str(number)
    if properties.boolean("FifoQueue"):
        attributes["FifoQueue"] = "true"
        deduplicates = properties.boolean("ContentBasedDeduplication")
        attributes["ContentBasedDeduplication"] = "true" if deduplicates else "false"
        for name, options in _FIFO_CHOICES.items():
            if properties.has(name):
                attributes[name] = properties.choice(name, options)
    redrive = properties.mapping("RedrivePolicy")
    if redrive is not None:
        attributes["RedrivePolicy"] = _redrive_policy(redrive, declarations)
    allowed = properties.value("RedriveAllowPolicy")
    if allowed is not None:
        attributes["RedriveAllowPolicy"] = _json(allowed)
    return attributes


def _redrive_policy(redrive: Properties, declarations: Declarations) -> str:
    arn = redrive.text("deadLetterTargetArn")
    if declarations.find(_KIND, arn) is None:
        raise redrive.unsupported(
            "deadLetterTargetArn", f"is {arn!r}", allowed="the ARN of a queue of this template"
        )
    if not redrive.has("maxReceiveCount"):
        raise redrive.error("maxReceiveCount", "is missing")
    count = redrive.integer("maxReceiveCount", 1, least=1, most=1_000)
    return _json({"deadLetterTargetArn": arn, "maxReceiveCount": count})


def _json(value: Value) -> str:
    return json.dumps(value, separators=(",", ":"))
