"""What every `AccessStore` promises (see `cloudpush.access`)."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cloudpush.access import ApiKey, Ticket
from cloudpush.rights import Scope
from tests.contract.connection_stores import T0

if TYPE_CHECKING:
    from cloudpush.access import AccessStore
    from tests.contract.kept_stores import Kept

RACERS = 50
YEAR_3000_MS = 32_503_680_000_000
"""Redis drops what is over by its own clock, which is ahead of `T0`."""


@pytest.fixture
def access(kept: Kept) -> AccessStore:
    return kept.access


def a_key(key_id: str = "0123456789abcdef", name: str = "backend") -> ApiKey:
    return ApiKey(
        key_id=key_id,
        name=name,
        digest="d" * 64,
        targets=("alice", "room-7.*"),
        scopes=frozenset({Scope.PUSH, Scope.READ}),
        created_at_ms=T0,
    )


def a_ticket(expires_at_ms: int = YEAR_3000_MS) -> Ticket:
    return Ticket(client_id="alice", targets=("bob",), issued_at_ms=T0, expires_at_ms=expires_at_ms)


class TestKeys:
    def test_a_key_is_found_as_it_was_added(self, access: AccessStore) -> None:
        access.add_key(a_key())

        assert access.get_key("0123456789abcdef") == a_key()
        assert access.get_key("0123456789abcdee") is None

    def test_all_are_read_in_order(self, access: AccessStore) -> None:
        keys = [a_key(f"{number:016x}") for number in (0, 9, 10, 2**64 - 1)]
        for each in reversed(keys):
            access.add_key(each)

        assert list(access.read_keys()) == keys

    def test_none_is_an_answer(self, access: AccessStore) -> None:
        assert list(access.read_keys()) == []

    def test_a_key_that_was_revoked_is_gone(self, access: AccessStore) -> None:
        access.add_key(a_key())

        answers = [access.revoke_key("0123456789abcdef") for _ in range(2)]

        assert answers == [True, False]
        assert access.get_key("0123456789abcdef") is None
        assert list(access.read_keys()) == []


class TestTickets:
    def test_a_ticket_is_redeemed_once(self, access: AccessStore) -> None:
        access.add_ticket("d1", a_ticket())

        answers = [access.redeem_ticket("d1", now_ms=T0) for _ in range(2)]

        assert answers == [a_ticket(), None]

    def test_another_is_not_touched(self, access: AccessStore) -> None:
        access.add_ticket("d1", a_ticket())

        assert access.redeem_ticket("d2", now_ms=T0) is None
        assert access.redeem_ticket("d1", now_ms=T0) == a_ticket()

    def test_its_last_moment_is_the_one_before_it_expires(self, access: AccessStore) -> None:
        for name in ("d1", "d2"):
            access.add_ticket(name, a_ticket())

        assert access.redeem_ticket("d1", now_ms=YEAR_3000_MS - 1) == a_ticket()
        assert access.redeem_ticket("d2", now_ms=YEAR_3000_MS) is None

    def test_of_those_who_race_one_gets_it(self, access: AccessStore) -> None:
        access.add_ticket("d1", a_ticket())
        start = threading.Barrier(RACERS)

        def redeem(_: int) -> Ticket | None:
            start.wait()
            return access.redeem_ticket("d1", now_ms=T0)

        with ThreadPoolExecutor(RACERS) as racers:
            answers = list(racers.map(redeem, range(RACERS)))

        assert [each for each in answers if each is not None] == [a_ticket()]


class TestRevocations:
    def revoke(self, access: AccessStore, not_before_ms: int, client_id: str = "alice") -> int:
        return access.revoke_before(client_id, not_before_ms, kept_until_ms=YEAR_3000_MS)

    def test_nothing_is_revoked_at_first(self, access: AccessStore) -> None:
        assert access.get_not_before("alice") == 0

    def test_what_was_revoked_is_remembered_of_each_client(self, access: AccessStore) -> None:
        assert self.revoke(access, T0) == T0

        assert access.get_not_before("alice") == T0
        assert access.get_not_before("bob") == 0

    def test_it_never_moves_backwards(self, access: AccessStore) -> None:
        answers = [self.revoke(access, T0 + ms) for ms in (5, 3, 5, 7)]

        assert answers == [T0 + 5, T0 + 5, T0 + 5, T0 + 7]
        assert access.get_not_before("alice") == T0 + 7
