from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush import admission
from cloudpush.errors import (
    CloudpushError,
    Forbidden,
    InvalidClientId,
    QueueUnavailable,
    StoreUnavailable,
    TooManyConnections,
)
from cloudpush.model import CONNECTION_LIFETIME_MS, Connection, Eviction, Policy, Welcome
from cloudpush.rights import EVERYBODY, Principal
from cloudpush.stores.memory_access import MemoryAccessStore
from tests.fakes.limits import NO_LIMIT
from tests.fakes.push_service import NOON_MS, Stage

if TYPE_CHECKING:
    from cloudpush.access import AccessStore


def admit(
    stage: Stage,
    client_id: str | None = "alice",
    connection_id: str = "A",
    *,
    connected_at_ms: int = NOON_MS,
    policy: Policy = Policy.MULTI,
    principal: Principal = EVERYBODY,
    access: AccessStore | None = None,
) -> Connection:
    return admission.admit(
        client_id,
        principal=principal,
        connection_id=connection_id,
        session_id="0" * 32,
        connected_at_ms=connected_at_ms,
        policy=policy,
        store=stage.store,
        access=access or stage.access,
        limit=NO_LIMIT,
        jobs=stage.jobs,
        now_ms=stage.clock(),
    )


def test_a_client_is_stored_as_pending_until_it_expires() -> None:
    stage = Stage()

    admit(stage)

    assert stage.find("A") == Connection(
        connection_id="A",
        client_id="alice",
        session_id="0" * 32,
        connected_at_ms=NOON_MS,
        expires_at_ms=NOON_MS + CONNECTION_LIFETIME_MS,
        last_seen_ms=NOON_MS,
        is_open=False,
    )


def test_a_client_is_greeted_by_a_job_and_not_from_the_handshake() -> None:
    stage = Stage()

    connection = admit(stage)

    assert stage.jobs.jobs == [Welcome(connection=connection)]
    assert stage.gateway.posts == []


@pytest.mark.parametrize("client_id", [None, "", "a b", "x" * 129])
def test_an_ill_formed_client_id_is_refused_before_anything_happens(client_id: str | None) -> None:
    stage = Stage()

    with pytest.raises(InvalidClientId):
        admit(stage, client_id)

    assert (stage.store.calls, stage.jobs.sent) == ([], [])


def test_multi_leaves_the_clients_other_connections() -> None:
    stage = Stage()
    admit(stage, connection_id="A")

    newer = admit(stage, connection_id="B", connected_at_ms=NOON_MS + 1)

    assert stage.jobs.jobs[1:] == [Welcome(connection=newer)]
    assert stage.find("A") is not None


def test_single_replaces_the_older_connection_and_has_it_closed() -> None:
    stage = Stage()
    older = admit(stage, connection_id="A", policy=Policy.SINGLE)

    newer = admit(stage, connection_id="B", connected_at_ms=NOON_MS + 1, policy=Policy.SINGLE)

    assert stage.jobs.jobs[1:] == [
        Welcome(connection=newer),
        Eviction(connection=older, close_code=4101),
    ]
    assert stage.find("A") is None


def test_single_closes_itself_where_a_newer_connection_came_first() -> None:
    stage = Stage()
    admit(stage, connection_id="B", connected_at_ms=NOON_MS + 1, policy=Policy.SINGLE)

    older = admit(stage, connection_id="A", policy=Policy.SINGLE)

    assert stage.jobs.jobs[1:] == [Eviction(connection=older, close_code=4101)]
    assert stage.find("B") is not None


def test_too_many_connections_are_refused() -> None:
    stage = Stage()
    for number in range(50):
        admit(stage, connection_id=str(number))

    with pytest.raises(TooManyConnections):
        admit(stage, connection_id="one more")

    assert stage.find("one more") is None


@pytest.mark.parametrize(
    ("stage_down", "error"), [("store", StoreUnavailable), ("queue", QueueUnavailable)]
)
def test_a_handshake_that_fails_leaves_nothing_routable(
    stage_down: str, error: type[CloudpushError]
) -> None:
    stage = Stage()
    stage.jobs.is_down = stage_down == "queue"
    stage.store.down = {"admit"} if stage_down == "store" else set()

    with pytest.raises(error):
        admit(stage)

    assert stage.find("A") is None


ALICE = Principal(name="alice", issued_at_ms=NOON_MS)


class LateRevocation(MemoryAccessStore):
    """Tells that nothing was revoked, and then it is."""

    def get_not_before(self, client_id: str) -> int:
        before = super().get_not_before(client_id)
        self.revoke_before(client_id, NOON_MS + 1, kept_until_ms=NOON_MS + 2)
        return before


@pytest.mark.parametrize(("not_before_ms", "is_admitted"), [(0, True), (1, False), (-1, True)])
def test_a_token_from_before_a_revocation_is_refused(
    not_before_ms: int, *, is_admitted: bool
) -> None:
    stage = Stage()
    stage.access.revoke_before("alice", NOON_MS + not_before_ms, kept_until_ms=NOON_MS)
    stage.access.revoke_before("bob", NOON_MS + 1, kept_until_ms=NOON_MS)

    if is_admitted:
        admit(stage, principal=ALICE)
    else:
        with pytest.raises(Forbidden):
            admit(stage, principal=ALICE)

    assert (stage.find("A") is not None) == is_admitted


def test_a_revoked_token_replaces_nobody() -> None:
    stage = Stage()
    admit(stage, connection_id="B", policy=Policy.SINGLE)
    stage.access.revoke_before("alice", NOON_MS + 1, kept_until_ms=NOON_MS)

    with pytest.raises(Forbidden):
        admit(stage, connected_at_ms=NOON_MS + 1, policy=Policy.SINGLE, principal=ALICE)

    assert stage.find("B") is not None


def test_a_token_that_is_revoked_during_the_handshake_lets_nobody_in() -> None:
    stage = Stage()
    replaced = admit(stage, connection_id="B", policy=Policy.SINGLE)

    with pytest.raises(Forbidden):
        admit(
            stage,
            connected_at_ms=NOON_MS + 1,
            policy=Policy.SINGLE,
            principal=ALICE,
            access=LateRevocation(),
        )

    assert stage.find("A") is None
    assert stage.jobs.jobs[1:] == [Eviction(connection=replaced, close_code=4101)]
