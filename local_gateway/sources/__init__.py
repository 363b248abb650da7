"""What invokes functions without a client: queues and schedules.

`Sources` runs one poller per mapping of a queue (`sqs`) and one timer per schedule (`schedule`).
Schedules invoke as Lambda's asynchronous invocations do (`asynchronous`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local_gateway.errors import TemplateError
from local_gateway.sources.asynchronous import AsynchronousInvoker
from local_gateway.sources.expression import InvalidExpression, parse
from local_gateway.sources.schedule import Scheduler
from local_gateway.sources.sqs import QueuePoller, visibility_timeout_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.api import Application, QueueMapping, Schedule
    from local_gateway.integration import Functions
    from local_gateway.privileges.record import CallRecord
    from local_gateway.services import Services

__all__ = ["AsynchronousInvoker", "Sources", "check_sources"]

POLLER_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""What a mapping needs of the function's role (Lambda developer guide, "Creating and configuring an
Amazon SQS event source mapping", execution role permissions)."""
STOP_GRACE_SECONDS = 1.0
"""How long batches that are being processed may take to finish at a stop."""


class Sources:
    """All event sources of one template."""

    def __init__(
        self,
        application: Application,
        functions: Functions,
        services: Services,
        record: CallRecord | None = None,
    ) -> None:
        """Take what to run, and who notes what Lambda calls; nothing moves before `start`.

        Raises:
            TemplateError: AWS would refuse a mapping or a schedule.
        """
        check_sources(application)
        self._application = application
        self._functions = functions
        self._services = services
        self._record = record
        self._asynchronous = AsynchronousInvoker(functions)
        self._pollers: dict[str, QueuePoller] = {}
        self._retired: list[QueuePoller] = []
        """Those whose mapping is gone, until their batches are done."""
        self._schedulers: dict[str, Scheduler] = {}
        self._repeats: Callable[[], bool] | None = None
        self._holds: Callable[[], bool] | None = None

    async def start(self) -> None:
        """Start to poll, once the queues are there, and the timers: `rate(…)` counts from now."""
        self.reload(self._application)

    def reload(self, application: Application) -> None:
        """Run the sources of a changed template, which `check_sources` has let pass, from now on.

        Those that it leaves as they were go on: a schedule keeps its times. A batch of one that is
        gone is handled to its end.
        """
        self._application = application
        self._retired = [poller for poller in self._retired if poller.is_busy]
        mappings = {each.logical_id: each for each in application.queue_mappings if each.is_enabled}
        for logical_id, poller in tuple(self._pollers.items()):
            if mappings.get(logical_id) != poller.mapping:
                poller.retire()
                self._retired.append(self._pollers.pop(logical_id))
        for logical_id, mapping in mappings.items():
            if logical_id not in self._pollers:
                self._pollers[logical_id] = self._poll(mapping)
        schedules = {each.logical_id: each for each in application.schedules if each.is_enabled}
        for logical_id, scheduler in tuple(self._schedulers.items()):
            if schedules.get(logical_id) != scheduler.schedule:
                self._schedulers.pop(logical_id).stop()
        for logical_id, schedule in schedules.items():
            if logical_id not in self._schedulers:
                scheduler = Scheduler(schedule, application.identity, self._asynchronous)
                self._schedulers[logical_id] = scheduler
                scheduler.start()

    def _note(self, function: str, queue_arn: str) -> None:
        """Note what Lambda does with the function's role from now on."""
        if self._record is not None:
            for action in POLLER_ACTIONS:
                self._record.note(function, action, queue_arn)

    def _poll(self, mapping: QueueMapping) -> QueuePoller:
        queue = self._application.queues[mapping.queue]
        self._note(mapping.function, queue.arn)
        poller = QueuePoller(
            mapping,
            queue,
            client=self._services.client,
            functions=self._functions,
            region=self._application.identity.region,
        )
        self._services.on_sent(queue.name, poller.expect)
        poller.repeats, poller.holds = self._repeats, self._holds
        poller.start()
        return poller

    def repeat(self, repeats: Callable[[], bool], *, on: bool) -> None:
        """Let `repeats` decide which records are handed over once more, or none if not `on`."""
        self._repeats = repeats if on else None
        for poller in self._pollers.values():
            poller.repeats = self._repeats

    def reorder(self, holds: Callable[[], bool], *, on: bool) -> None:
        """Let `holds` decide which records come behind the next ones, or none if not `on`."""
        self._holds = holds if on else None
        for poller in self._pollers.values():
            poller.holds = self._holds

    def running(self) -> set[asyncio.Future[None]]:
        """Return what works, or is about to: each is done when its part has come to rest."""
        running: set[asyncio.Future[None]] = set(self._asynchronous.running)
        for poller in (*self._pollers.values(), *self._retired):
            running |= poller.running()
        return running

    async def stop(self) -> None:
        """Take no more messages and fire no more; let running batches finish, for a short while."""
        for scheduler in self._schedulers.values():
            scheduler.stop()
        await self._asynchronous.stop()
        pollers = (*self._pollers.values(), *self._retired)
        await asyncio.gather(*(poller.stop(STOP_GRACE_SECONDS) for poller in pollers))
        self._schedulers.clear()
        self._pollers.clear()
        self._retired.clear()


def check_sources(application: Application) -> None:
    """Refuse what AWS would: raises TemplateError for such a mapping or schedule."""
    for mapping in application.queue_mappings:
        _check_mapping(application, mapping)
    for schedule in application.schedules:
        _check_schedule(application, schedule)


def _check_mapping(application: Application, mapping: QueueMapping) -> None:
    """Refuse what CreateEventSourceMapping refuses: a message back in the queue while it runs."""
    visibility = visibility_timeout_seconds(application.queues[mapping.queue])
    timeout = application.functions[mapping.function].timeout_seconds
    if visibility < timeout:
        raise TemplateError(
            f"the queue {mapping.queue} has a visibility timeout of {visibility} seconds, less "
            f"than the {timeout} seconds of the function {mapping.function}",
            file=application.template,
            logical_id=mapping.logical_id,
            path="Properties.EventSourceArn",
            allowed="a VisibilityTimeout of at least the function's Timeout",
        )


def _check_schedule(application: Application, schedule: Schedule) -> None:
    try:
        parse(schedule.expression, kind=schedule.kind)
    except InvalidExpression as error:
        raise TemplateError(
            str(error),
            file=application.template,
            logical_id=schedule.logical_id,
            path="Properties.ScheduleExpression",
            allowed="rate(VALUE UNIT), cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR)",
        ) from error
