"""What moto's queues lack to serve an emulator: speed, word of a send, waits that block nobody.

Runs in the child process alone. moto's SQS is written for tests of a few messages. Each send counts
the whole queue several times (11 ms at 1,000 messages), each message that was ever made is kept in
a list, and a long poll sleeps inside the call. The changes here are to moto's own classes, in this
process that runs nothing else: results stay moto's, costs no longer grow with the queue.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from moto.core.common_models import BaseModel
from moto.core.utils import camelcase_to_underscores
from moto.sqs import models
from moto.sqs.exceptions import ReceiptHandleIsInvalid

from local_gateway import clock

OnVisible = Callable[[str, int], None]
"""Told the name of a queue, and when a message of it can be received: milliseconds since epoch."""

_HANDLE_LENGTH = 185
"""Of a receipt handle of moto's."""


class Waits:
    """How long the last ReceiveMessage wanted to wait for a first message."""

    def __init__(self) -> None:
        self.seconds = 0

    def take(self) -> int:
        """Return the seconds, and forget them."""
        seconds, self.seconds = self.seconds, 0
        return seconds


class LocalQueue(models.Queue):
    """moto's queue with the same answers at a cost that doesn't grow with its length."""

    on_visible: OnVisible | None = None
    trace: str = ""
    """`X-Amzn-Trace-Id` of the request that is answered, empty if it has none."""

    @property
    def attributes(self) -> dict[str, Any]:
        """Return a view that computes what is asked for: moto computes all, for every send."""
        return cast("dict[str, Any]", _Attributes(self))

    @property
    def messages(self) -> list[models.Message]:
        """Return the messages that can be received; moto reads the first few of them."""
        return cast("list[models.Message]", self._receivable())

    @property
    def approximate_number_of_messages(self) -> int:
        """Return how many messages can be received."""
        return sum(1 for _ in self._receivable())

    def add_message(self, message: models.Message) -> None:
        """Add a message, sent or moved here as a dead letter, and say so."""
        super().add_message(message)
        if self.on_visible is not None:
            self.on_visible(self.name, int(message.delayed_until) or clock.now_ms())

    def delete_message(self, receipt_handle: str) -> None:
        """Delete a message; one that was deleted before is no error, as on SQS.

        Messages in flight are the oldest, so the search is short. moto keeps the handles of all
        deleted messages to tell a second delete from a wrong handle; here the shape tells.
        """
        for index, message in enumerate(self._messages):
            if message.had_receipt_handle(receipt_handle):
                self.pending_messages.discard(message)
                del self._messages[index]
                return
        if len(receipt_handle) != _HANDLE_LENGTH:
            raise ReceiptHandleIsInvalid

    def _receivable(self) -> Iterator[models.Message]:
        now = clock.now_ms()
        for message in self._messages:
            if message.visible_at <= now and message.delayed_until <= now:
                yield message


class _Attributes(Mapping[str, Any]):
    """The attributes of a queue, each computed when it is read."""

    def __init__(self, queue: LocalQueue) -> None:
        self._queue = queue

    def __iter__(self) -> Iterator[str]:
        queue = self._queue
        yield from queue.BASE_ATTRIBUTES
        if queue.fifo_queue:
            yield from queue.FIFO_ATTRIBUTES
        if _read(queue, "KmsMasterKeyId"):
            yield from queue.KMS_ATTRIBUTES

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 — as moto's
        if name not in _FIELDS:
            raise KeyError(name)
        value = _read(self._queue, name)
        if name == "RedrivePolicy" and value:
            return json.dumps(value)
        return str(value).lower() if isinstance(value, bool) else value


_FIELDS: dict[str, str] = {
    name: camelcase_to_underscores(name)
    for name in (
        *models.Queue.BASE_ATTRIBUTES,
        *models.Queue.FIFO_ATTRIBUTES,
        *models.Queue.KMS_ATTRIBUTES,
    )
}


def _read(queue: LocalQueue, name: str) -> Any:  # noqa: ANN401 — moto sets them by name
    return getattr(queue, _FIELDS[name], None)


def install(on_visible: OnVisible) -> Waits:
    """Change moto's classes in this process; `on_visible` hears of every message to come."""
    waits = Waits()
    receive_message: Any = models.SQSBackend.receive_message
    send_message: Any = models.SQSBackend.send_message
    change_message_visibility = models.SQSBackend.change_message_visibility

    def receive_at_once(
        self: models.SQSBackend, queue_name: str, count: int, wait: int, *rest: object
    ) -> list[models.Message]:
        # The server waits, between calls: inside, moto would stop all other requests.
        waits.seconds = wait
        return receive_message(self, queue_name, count, 0, *rest)

    def change_and_tell(
        self: models.SQSBackend, queue_name: str, receipt_handle: str, visibility_timeout: int
    ) -> None:
        change_message_visibility(self, queue_name, receipt_handle, visibility_timeout)
        on_visible(queue_name, clock.now_ms() + int(visibility_timeout) * 1000)

    def is_kept(self: models.SQSBackend, queue_name: str, message: models.Message) -> bool:
        queue: Any = self.get_queue(queue_name)
        sent_at: Any = message.sent_timestamp
        return queue.message_retention_period * 1000 + sent_at > clock.now_ms()

    LocalQueue.on_visible = staticmethod(on_visible)

    def send_with_trace(self: models.SQSBackend, *args: Any, **options: Any) -> models.Message:  # noqa: ANN401 — as moto's
        # «Amazon SQS supports the X-Amzn-Trace-Id header» (SQS developer guide, "AWS X-Ray"), which
        # the receiver finds in AWSTraceHeader; a sender's own attribute goes before.
        if LocalQueue.trace and not options.get("system_attributes"):
            header = {"DataType": "String", "StringValue": LocalQueue.trace}
            options["system_attributes"] = {"AWSTraceHeader": header}
        return send_message(self, *args, **options)

    backend: Any = models.SQSBackend
    backend.send_message = send_with_trace
    backend.receive_message = receive_at_once
    backend.change_message_visibility = change_and_tell
    backend.is_message_valid_based_on_retention_period = is_kept
    module: Any = models
    module.Queue = LocalQueue
    # Its time is ours, which can be moved.
    module.unix_time_millis = clock.now_ms
    module.unix_time = _unix_time
    module.Message.visible = property(_is_visible)
    # moto remembers every instance of every model for a page of its own, and so frees none.
    model: Any = BaseModel
    model.__new__ = _new
    return waits


def _unix_time() -> float:
    return clock.now_ms() / 1000


def _is_visible(message: models.Message) -> bool:
    """Tell whether a message's time has come; moto's would in the millisecond after."""
    return message.visible_at <= clock.now_ms()


def _new(cls: type[BaseModel], *_: object, **__: object) -> BaseModel:
    return object.__new__(cls)
