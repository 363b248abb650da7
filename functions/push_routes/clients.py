"""`/v1/clients` and `/v1/presence:query`: who is connected, and what waits for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from cloudpush import clock, delivery, protocol, revoking, wiring
from cloudpush.errors import NotFound
from cloudpush.observability import count_report
from cloudpush.protocol import CloseCode
from cloudpush.rights import Scope
from push_routes import answers, describing, guard
from push_routes.bodies import (
    ClientReply,
    DisconnectReply,
    DisconnectRequest,
    EntriesReply,
    EntryReply,
    InboxReply,
    Presence,
    PresenceReply,
    PresenceRequest,
    SessionReply,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Connection, Inbox

router = APIRouter(prefix="/v1")

_disconnect_decoder = msgspec.json.Decoder(DisconnectRequest)
_presence_decoder = msgspec.json.Decoder(PresenceRequest)


@router.get(
    "/clients/{clientId}",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: ClientReply}, 404),
    openapi_extra=describing.takes(describing.CLIENT_ID),
)
async def get_client(request: Request) -> Response:
    """Tell what is known of a client: its connections, and where its inbox stands."""
    client_id = _client_id_of(request)
    connections = _connections_of(client_id)
    inbox = wiring.current().inboxes.get(client_id, now_ms=clock.now_ms())
    if not connections and inbox is None:
        raise NotFound("this client is not connected, and has no inbox")
    reply = ClientReply(
        client_id=client_id,
        sessions=[_session_reply(each) for each in connections],
        last_seen_at=max((each.last_seen_ms for each in connections), default=None),
        inbox=None if inbox is None else _inbox_reply(inbox),
    )
    return answers.json(200, reply)


@router.delete(
    "/clients/{clientId}",
    dependencies=guard.needs(Scope.ADMIN),
    responses=describing.answers({200: DisconnectReply}, 413),
    openapi_extra=describing.takes(
        describing.CLIENT_ID,
        body=describing.reference(DisconnectRequest),
        is_body_required=False,
    ),
)
async def disconnect_client(request: Request) -> Response:
    """Tell a client CLOSE 4001 on each of its connections, and delete them.

    Its inbox stays. With `notBefore` the tokens and tickets that the client was issued before are
    refused from now on; without it nothing keeps the client from connecting again.
    """
    client_id = _client_id_of(request)
    wanted = DisconnectRequest()
    if await request.body():
        wanted = await answers.read(request, _disconnect_decoder)
    not_before_ms = wanted.not_before
    if not_before_ms is not None:  # first: see `revoking`
        not_before_ms = revoking.revoke(
            client_id, not_before_ms, store=wiring.current().access, now_ms=clock.now_ms()
        )
    connections = _connections_of(client_id)
    report = await delivery.close(
        connections,
        CloseCode.DISCONNECTED,
        reason=wanted.reason,
        outlet=wiring.current().outlet,
        clock=clock.now_ms,
    )
    count_report(report)
    reply = DisconnectReply(
        client_id=client_id,
        disconnected=len(report.sent) + len(report.gone),
        pending=len(report.waiting),
        not_before=not_before_ms,
    )
    return answers.json(200, reply)


@router.get(
    "/clients/{clientId}/inbox",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: EntriesReply}, 404),
    openapi_extra=describing.takes(describing.CLIENT_ID, describing.LIMIT, describing.CURSOR),
)
async def get_inbox(request: Request) -> Response:
    """List what waits for a client, in order, without the contents."""
    client_id = _client_id_of(request)
    limit, place = answers.read_limit(request), answers.read_cursor(request, "inbox")
    after_seq = 0 if place is None else answers.number_in_cursor(place)
    inboxes, now_ms = wiring.current().inboxes, clock.now_ms()
    inbox = inboxes.get(client_id, now_ms=now_ms)
    if inbox is None:
        raise NotFound("this client has no inbox")
    entries = inboxes.read_entries(client_id, after_seq=after_seq, limit=limit, now_ms=now_ms)
    reply = EntriesReply(
        client_id=client_id,
        inbox=_inbox_reply(inbox),
        entries=[
            EntryReply(
                seq=each.seq,
                message_id=each.publication.message_id,
                sender=each.publication.sender,
                accepted_at=each.publication.accepted_at_ms,
                expires_at=each.expires_at_ms,
                size=each.size,
            )
            for each in entries
        ],
        cursor=answers.write_cursor(
            "inbox", str(entries[-1].seq) if len(entries) == limit else None
        ),
    )
    return answers.json(200, reply)


@router.post(
    "/presence:query",
    dependencies=guard.needs(Scope.READ),
    responses=describing.answers({200: PresenceReply}, 413),
    openapi_extra=describing.takes(body=describing.reference(PresenceRequest)),
)
async def query_presence(request: Request) -> Response:
    """Tell of up to 1,000 clients whether they are connected."""
    wanted = await answers.read(request, _presence_decoder)
    client_ids = list(dict.fromkeys(wanted.clients))
    valid = [each for each in client_ids if protocol.is_client_id(each)]
    found = wiring.current().store.resolve(valid, now_ms=clock.now_ms())
    sessions = {each: len(found.get(each, ())) for each in client_ids}
    reply = PresenceReply(
        clients=[
            Presence(client_id=each, online=number > 0, sessions=number)
            for each, number in sessions.items()
        ]
    )
    return answers.json(200, reply)


def _client_id_of(request: Request) -> str:
    return protocol.check_client_id(request.path_params["clientId"])


def _connections_of(client_id: str) -> Sequence[Connection]:
    """Return a client's connections with their signs of life as they are: at most 50 reads."""
    store, now_ms = wiring.current().store, clock.now_ms()
    found = store.resolve([client_id], now_ms=now_ms).get(client_id, ())
    exact = (store.get(each.connection_id, now_ms=now_ms) for each in found)
    return [each for each in exact if each is not None]


def _session_reply(connection: Connection) -> SessionReply:
    return SessionReply(
        session_id=connection.session_id,
        connection_id=connection.connection_id,
        connected_at=connection.connected_at_ms,
        last_seen_at=connection.last_seen_ms,
        is_open=connection.is_open,
    )


def _inbox_reply(inbox: Inbox) -> InboxReply:
    return InboxReply(
        epoch=inbox.epoch,
        last_seq=inbox.last_seq,
        settled_seq=inbox.settled_seq,
        depth=inbox.depth,
        bytes=inbox.bytes,
        in_flight=inbox.in_flight,
    )
