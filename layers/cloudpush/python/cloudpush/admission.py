"""Let a client in: what `$connect` does with an upgrade request, before the socket is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush import revoking
from cloudpush.errors import CloudpushError, Forbidden
from cloudpush.model import CONNECTION_LIFETIME_MS, Connection, Eviction, Welcome
from cloudpush.protocol import CloseCode, check_client_id
from cloudpush.rights import EVERYBODY

if TYPE_CHECKING:
    from cloudpush.access import AccessStore
    from cloudpush.limiting import Limit
    from cloudpush.model import Job, Policy, Position
    from cloudpush.ports import ConnectionStore, JobQueue
    from cloudpush.rights import Principal


def admit(  # noqa: PLR0913 — what the gateway told, what the deployment decided, three ports and a limit
    client_id: str | None,
    *,
    principal: Principal,
    connection_id: str,
    session_id: str,
    connected_at_ms: int,
    position: Position | None = None,
    takes_batches: bool = False,
    policy: Policy,
    store: ConnectionStore,
    access: AccessStore,
    limit: Limit,
    jobs: JobQueue,
    now_ms: int,
) -> Connection:
    """Store the connection as pending, and have it greeted once its socket is open.

    Nothing can be posted from here: until `$connect` has answered there is no socket, and a
    post is answered 410. So CONNECTION is a job, which arrives after the handshake or is tried
    until it does; and so is CLOSE for a connection that lost its place.

    Raises:
        InvalidClientId: the client id is missing or ill-formed.
        Forbidden: the client id is not the principal's, or its token was revoked.
        TooManyRequests: the client connects too often.
        TooManyConnections: the client holds as many as it may.
        StoreUnavailable, QueueUnavailable: the client is not admitted.
    """
    checked_id = check_client_id(client_id)
    if principal is not EVERYBODY and principal.client_id != checked_id:
        raise Forbidden("the token is another client's")
    if revoking.is_revoked(principal, access):
        raise Forbidden("the token was revoked")
    limit.take(checked_id)
    connection = Connection(
        connection_id=connection_id,
        client_id=checked_id,
        session_id=session_id,
        connected_at_ms=connected_at_ms,
        expires_at_ms=connected_at_ms + CONNECTION_LIFETIME_MS,
        last_seen_ms=connected_at_ms,
        takes_batches=takes_batches,
    )
    admission = store.admit(connection, policy=policy, now_ms=now_ms)
    replaced = [connection] if admission.is_superseded else admission.replaced
    greetings: list[Job] = []
    if not admission.is_superseded:
        greetings = [Welcome(connection=connection, position=position)]
    evictions = [Eviction(connection=loser, close_code=CloseCode.REPLACED) for loser in replaced]
    try:
        is_revoked = revoking.is_revoked(principal, access)  # again: see there
        jobs.send([*([] if is_revoked else greetings), *evictions])
        if is_revoked:
            raise Forbidden("the token was revoked")
    except CloudpushError:
        # The handshake fails, and no `$disconnect` follows a handshake that failed.
        store.forget(connection_id, now_ms=now_ms)
        raise
    return connection
