"""The edge between Lambda and the verbs; errors become answers here and nowhere else.

    error           handshake       message             HTTP            record of a batch
    ClientError     400 to 429      ERROR, its text     400 to 429      fails, logged
    ServiceError    503 or 500      ERROR, code alone   503 or 500      fails, logged
    another         propagates: Lambda's own error                      fails, logged

A service's error is 503 where the same call is worth trying again. Its text is for the log; the
client gets `code` and `temporary`. `$disconnect` is answered as a handshake is; nobody reads it.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from cloudpush import clock, events, jobs, protocol, rights
from cloudpush.errors import (
    ClientError,
    CloudpushError,
    Conflict,
    Forbidden,
    JobUnreadable,
    NotFound,
    PayloadTooLarge,
    ServiceError,
    TooManyConnections,
    TooManyRequests,
    Unauthorized,
)
from cloudpush.observability import count, count_report, invocation, logger
from cloudpush.ports import Received

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence

    from cloudpush.events import Event, Farewell, Frame, Handshake, LambdaContext, Record
    from cloudpush.messaging import Answer
    from cloudpush.model import Job
    from cloudpush.outcomes import Report
    from cloudpush.rights import Principal

    Handler: TypeAlias = Callable[[Event, LambdaContext], dict[str, Any]]

_Result = TypeVar("_Result")

_STATUSES: Final = (
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (PayloadTooLarge, 413),
    (TooManyConnections, 429),
    (TooManyRequests, 429),
)


class _Environment(threading.local):
    """One event loop per environment: lines to the gateway live on it from call to call.

    On Lambda an environment is a process with one thread that handles events. A host that runs
    handlers in several threads of one process makes each of them an environment of its own.
    """

    loop: asyncio.AbstractEventLoop | None = None


_environment = _Environment()


def event_loop() -> asyncio.AbstractEventLoop:
    """Return this environment's loop, and make it the current one, as Mangum wants it."""
    loop = _environment.loop
    if loop is None or loop.is_closed():
        loop = _environment.loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def close_event_loop() -> None:
    """Close this environment's loop; the next call makes a new one."""
    loop, _environment.loop = _environment.loop, None
    if loop is not None:
        loop.close()
        asyncio.set_event_loop(None)


def run(coroutine: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end on this environment's loop."""
    return event_loop().run_until_complete(coroutine)


def answers_handshake(admit: Callable[[Handshake], object]) -> Handler:
    """Make a `$connect` handler: 200, or the status of the error, which refuses the handshake.

    Of the subprotocols that a client offers it gets ours, and never the token that may be another.
    """

    @functools.wraps(admit)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 — Lambda's
        handshake = events.read_handshake(event)
        with invocation(request_id=handshake.request_id, connection_id=handshake.connection_id):
            try:
                admit(handshake)
            except CloudpushError as error:
                return {"statusCode": status_of(error)}
        if protocol.SUBPROTOCOL in handshake.subprotocols:
            headers = {"Sec-WebSocket-Protocol": protocol.SUBPROTOCOL}
            return {"statusCode": 200, "headers": headers}
        return {"statusCode": 200}

    return handler


def answers_authorizer(authorize: Callable[[Handshake], Principal]) -> Handler:
    """Make an authorizer's handler: a policy, or `Unauthorized`, word for word, which is 401.

    A fault of ours propagates, and API Gateway answers 500.
    """

    @functools.wraps(authorize)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 — Lambda's
        handshake = events.read_handshake(event)
        with invocation(request_id=handshake.request_id, connection_id=handshake.connection_id):
            try:
                principal = authorize(handshake)
            except Forbidden:
                count("HandshakesForbidden")
                return events.write_denial(handshake.resource)
            except Unauthorized:
                count("HandshakesUnauthorized")
                # API Gateway compares the text with this one.
                raise Exception("Unauthorized") from None  # noqa: TRY002 — see above
        context_of = rights.write_context(principal)
        return events.write_policy(principal.name, context_of, handshake.resource)

    return handler


def answers_farewell(forget: Callable[[Farewell], object]) -> Handler:
    """Make a `$disconnect` handler."""

    @functools.wraps(forget)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 — Lambda's
        farewell = events.read_farewell(event)
        with invocation(request_id=farewell.request_id, connection_id=farewell.connection_id):
            try:
                forget(farewell)
            except CloudpushError as error:
                return {"statusCode": status_of(error)}
        return {"statusCode": 200}

    return handler


def answers_frame(receive: Callable[[Frame], Coroutine[Any, Any, Answer]]) -> Handler:
    """Make a `$default` handler: the route response sends `body` to the sender, if there is one."""

    @functools.wraps(receive)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 — Lambda's
        frame = events.read_frame(event)
        with invocation(request_id=frame.request_id, connection_id=frame.connection_id):
            try:
                answer = run(receive(frame))
            except CloudpushError as error:
                status_of(error)
                envelope = protocol.encode_error(error, text=text_of(error), now_ms=clock.now_ms())
                return {"statusCode": 200, "body": envelope.decode()}
            if answer.is_publication:
                count("Publications")
            if answer.report is not None:
                count_report(answer.report)
        if answer.envelope is None:
            return {"statusCode": 200}
        return {"statusCode": 200, "body": answer.envelope.decode()}

    return handler


def performs_jobs(perform: Callable[[Job, LambdaContext], Awaitable[object]]) -> Handler:
    """Make an SQS handler: all records of the batch side by side, and failures one by one."""

    async def attempt(record: Record, context: LambdaContext) -> str | None:
        try:
            await perform(jobs.decode_job(record.body), context)
        except Exception:  # noqa: BLE001 — whatever failed it, a record fails alone
            logger.exception("a job failed", extra={"record_id": record.message_id})
            return record.message_id
        return None

    async def attempt_all(records: list[Record], context: LambdaContext) -> list[str]:
        failed = await asyncio.gather(*(attempt(record, context) for record in records))
        return [each for each in failed if each is not None]

    @functools.wraps(perform)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        with invocation(request_id=context.aws_request_id):
            failed = run(attempt_all(events.read_records(event), context))
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    return handler


def performs_batches(
    perform: Callable[[Sequence[Received], LambdaContext], Awaitable[Collection[str]]],
) -> Handler:
    """Make an SQS handler that does a batch as a whole; `perform` returns which records failed.

    Records that are no jobs fail alone; if `perform` raises, all of the others do.
    """

    async def attempt(batch: list[Received], context: LambdaContext) -> Collection[str]:
        try:
            return await perform(batch, context)
        except Exception:  # noqa: BLE001 — as above; the queue gives them back
            logger.exception("a batch failed", extra={"records": len(batch)})
            return [each.record_id for each in batch]

    @functools.wraps(perform)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:
        with invocation(request_id=context.aws_request_id):
            batch: list[Received] = []
            failed: list[str] = []
            for record in events.read_records(event):
                try:
                    batch.append(_received(record))
                except JobUnreadable:
                    logger.exception("a job failed", extra={"record_id": record.message_id})
                    failed.append(record.message_id)
            if batch:
                failed += run(attempt(batch, context))
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    return handler


def _received(record: Record) -> Received:
    return Received(
        job=jobs.decode_job(record.body),
        record_id=record.message_id,
        receipt_handle=record.receipt_handle,
        receive_count=int(record.attributes.receive_count),
    )


def answers_schedule(perform: Callable[[LambdaContext], Coroutine[Any, Any, Report]]) -> Handler:
    """Make a schedule's handler. Its errors propagate: nobody else would see them."""

    @functools.wraps(perform)
    def handler(event: Event, context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 — Lambda's
        with invocation(request_id=context.aws_request_id):
            count_report(run(perform(context)))
        return {}

    return handler


def status_of(error: CloudpushError) -> int:
    """Return the HTTP status for an error, and log it if it is ours."""
    if isinstance(error, ServiceError):
        logger.error(error.code, exc_info=error)
        return 503 if error.temporary else 500
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return status
    return 400


def text_of(error: CloudpushError) -> str:
    """Return what the other side may read about an error."""
    if isinstance(error, ClientError):
        return str(error)
    return "the service failed; try again" if error.temporary else "the service failed"
