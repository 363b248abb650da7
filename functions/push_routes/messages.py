"""`/v1/messages`: send, send many, cancel, pause; what is looked up there is in `records`."""

from __future__ import annotations

import asyncio
import hashlib
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import boundary, clock, ids, protocol, repeating, submitting, wiring
from cloudpush.errors import CloudpushError, InvalidMessage, Unsupported
from cloudpush.expanding import HandOvers
from cloudpush.model import DEFAULT_TTL_MS, Publication, Receipts, Trigger
from cloudpush.observability import count, count_report
from cloudpush.rights import Scope
from cloudpush.submitting import Submission
from push_routes import answers, bodies, describing, guard, records
from push_routes.bodies import (
    BatchReply,
    BatchRequest,
    BatchResult,
    ErrorReply,
    MessageAccepted,
    MessageReply,
    MessageRequest,
    StateRequest,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudpush.repeating import Answer

router = APIRouter(prefix="/v1")

_decoder = msgspec.json.Decoder(MessageRequest)
_batch_decoder = msgspec.json.Decoder(BatchRequest)
_state_decoder = msgspec.json.Decoder(StateRequest)

BATCH_BYTES = 5 * 1024 * 1024
"""Of the body of a batch: below the 6 MB of Lambda's events (AWS Lambda quotas)."""

_BATCH_SCHEMA = {
    "type": "object",
    "required": ["messages"],
    "additionalProperties": False,
    "properties": {
        "messages": {
            "type": "array",
            "minItems": 1,
            "maxItems": bodies.BATCH_MESSAGES,
            "items": describing.reference(MessageRequest),
        }
    },
}


@router.post(
    "/messages",
    dependencies=guard.needs(Scope.PUSH),
    status_code=202,
    responses=describing.answers({202: MessageAccepted}, 409, 413, 429),
    openapi_extra=describing.takes(
        describing.IDEMPOTENCY_KEY, body=describing.reference(MessageRequest)
    ),
)
async def send_message(request: Request) -> Response:
    """Send a message to some clients, or to all."""
    wanted = await answers.read(request, _decoder)
    guard.take_pushes(request)

    async def perform(message_id: str) -> Answer:
        try:
            accepted = await _submit(wanted, message_id, request)
        except CloudpushError as error:
            if boundary.status_of(error) >= 500:  # noqa: PLR2004 — not the request's: try it again
                raise
            failed = ErrorReply(
                error=answers.failure_of(error), request_id=answers.request_id_of(request)
            )
            return answers.answer_of(boundary.status_of(error), failed)
        return answers.answer_of(202, accepted)

    return await _perform_once(request, perform)


@router.post(
    "/messages:batch",
    dependencies=guard.needs(Scope.PUSH),
    responses=describing.answers({200: BatchReply}, 409, 413, 429),
    openapi_extra=describing.takes(describing.IDEMPOTENCY_KEY, body=_BATCH_SCHEMA),
)
async def send_batch(request: Request) -> Response:
    """Send up to 100 messages; each succeeds or fails by itself, as `results` says in order.

    What is of `qos` 1 is brought to its targets by a job, a moment after the answer.
    """
    batch = await answers.read(request, _batch_decoder, max_bytes=BATCH_BYTES)
    guard.take_pushes(request, len(batch.messages))
    hand_overs = HandOvers(wiring.current().mailroom)

    async def send_one(raw: msgspec.Raw, message_id: str) -> BatchResult:
        try:
            wanted = protocol.decode_json(bytes(raw), _decoder, max_bytes=answers.REQUEST_BYTES)
            accepted = await _submit(wanted, message_id, request, hand_overs)
        except CloudpushError as error:
            return BatchResult(status=boundary.status_of(error), error=answers.failure_of(error))
        return BatchResult(status=202, message=accepted)

    async def perform(batch_id: str) -> Answer:
        results = await asyncio.gather(
            *(send_one(raw, _nth_id(batch_id, number)) for number, raw in enumerate(batch.messages))
        )
        is_final = all(each.status < HTTPStatus.INTERNAL_SERVER_ERROR for each in results)
        return answers.answer_of(200, BatchReply(results=results), is_final=is_final)

    return await _perform_once(request, perform)


@router.delete(
    "/messages/{messageId}",
    dependencies=guard.needs(Scope.PUSH),
    responses=describing.answers({200: MessageReply}, 404, 409),
    openapi_extra=describing.takes(describing.MESSAGE_ID),
)
async def cancel_message(request: Request) -> Response:
    """Cancel a message that is not due yet, or one on its way to many or to all; else 409."""
    record = submitting.cancel(
        records.message_id_of(request), mailroom=wiring.current().mailroom, now_ms=clock.now_ms()
    )
    return answers.json(200, records.reply_of(record))


@router.patch(
    "/messages/{messageId}",
    dependencies=guard.needs(Scope.PUSH),
    responses=describing.answers({200: MessageReply}, 404, 409, 413),
    openapi_extra=describing.takes(describing.MESSAGE_ID, body=describing.reference(StateRequest)),
)
async def pause_message(request: Request) -> Response:
    """Pause a message on its way to many, or go on with it."""
    wanted = await answers.read(request, _state_decoder)
    record = submitting.pause(
        records.message_id_of(request),
        is_paused=wanted.state == "paused",
        mailroom=wiring.current().mailroom,
        now_ms=clock.now_ms(),
    )
    return answers.json(200, records.reply_of(record))


async def _submit(
    wanted: MessageRequest,
    message_id: str,
    request: Request,
    hand_overs: HandOvers | None = None,
) -> MessageAccepted:
    protocol.check_nesting(wanted.msg)
    now_ms = clock.now_ms()
    if wanted.delay_seconds is not None and wanted.deliver_at is not None:
        raise InvalidMessage("either delaySeconds or deliverAt, not both")
    due_at_ms = wanted.deliver_at
    if wanted.delay_seconds is not None:
        due_at_ms = now_ms + wanted.delay_seconds * 1000
    clients = _clients_of(wanted)
    guard.principal_of(request).check_targets(clients)
    submission = Submission(
        publication=Publication(
            message_id=message_id,
            trigger=Trigger.HTTP,
            sender=guard.sender_of(request, wanted.sender),
            msg=wanted.msg,
            request_id=answers.request_id_of(request),
            accepted_at_ms=now_ms,
        ),
        clients=clients,
        qos=wanted.qos,
        ttl_ms=DEFAULT_TTL_MS if wanted.ttl_seconds is None else wanted.ttl_seconds * 1000,
        due_at_ms=due_at_ms,
        receipts=Receipts(wanted.receipts),
    )
    submitted = await submitting.submit(
        submission,
        hand_overs=hand_overs,
        mailroom=wiring.current().mailroom,
        clock=clock.now_ms,
    )
    count("Publications")
    count_report(submitted.report, message_id=message_id)
    return MessageAccepted(
        message_id=message_id,
        accepted=submitted.accepted,
        missing=submitted.missing,
        offline=submitted.offline,
    )


def _clients_of(wanted: MessageRequest) -> list[str] | None:
    target = wanted.target
    named = [each for each in (target.clients, target.channel, target.all) if each is not None]
    if len(named) != 1:
        raise InvalidMessage("target must have exactly one of clients, channel and all")
    if target.channel is not None:
        raise Unsupported("target channel is not built yet")
    return target.clients


async def _perform_once(request: Request, perform: Callable[[str], Awaitable[Answer]]) -> Response:
    identity = f"{request.method} {request.url.path}\n".encode()
    answer = await repeating.perform_once(
        perform,
        key=request.headers.get("Idempotency-Key"),
        owner=guard.principal_of(request).name,
        request=identity + await request.body(),
        message_id=ids.new_message_id(),
        repeats=lambda: wiring.current().repeats,
        clock=clock.now_ms,
    )
    return answers.written(answer)


def _nth_id(batch_id: str, number: int) -> str:
    """Return the id of a batch's message: under a batch's id always the same one."""
    return hashlib.sha256(f"{batch_id} {number}".encode()).hexdigest()[:32]
