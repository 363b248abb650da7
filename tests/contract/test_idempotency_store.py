"""What every `IdempotencyStore` promises (see `cloudpush.ports`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush.ports import Repeat
from tests.contract.connection_stores import T0

if TYPE_CHECKING:
    from cloudpush.ports import IdempotencyStore
    from tests.contract.kept_stores import Kept

DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def repeats(kept: Kept) -> IdempotencyStore:
    return kept.repeats


def begin(
    repeats: IdempotencyStore, message_id: str, *, fingerprint: str = "f1", now_ms: int = T0
) -> Repeat:
    return repeats.begin("key", fingerprint=fingerprint, message_id=message_id, now_ms=now_ms)


def test_the_first_is_told_to_do_it(repeats: IdempotencyStore) -> None:
    assert begin(repeats, "m1") == Repeat(message_id="m1", is_mine=True)


def test_a_repeat_while_the_first_is_at_it_waits(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")

    assert begin(repeats, "m2", now_ms=T0 + 59_999) == Repeat(message_id="m1", is_mine=False)


def test_a_repeat_gets_the_first_answer(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")
    repeats.complete("key", answer='{"messageId": "m1"}', now_ms=T0 + 1)

    assert begin(repeats, "m2", now_ms=T0 + DAY_MS - 1) == Repeat(
        message_id="m1", is_mine=False, answer='{"messageId": "m1"}'
    )


def test_another_request_under_the_same_key_is_told_so(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")
    repeats.complete("key", answer="secret", now_ms=T0)

    assert begin(repeats, "m2", fingerprint="f2", now_ms=T0 + DAY_MS - 1) == Repeat(
        message_id="m1", is_mine=False, is_same=False
    )


def test_whoever_follows_a_caller_that_died_uses_its_message_id(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")

    answers = [begin(repeats, name, now_ms=T0 + 60_000) for name in ("m2", "m3")]

    assert answers == [
        Repeat(message_id="m1", is_mine=True),
        Repeat(message_id="m1", is_mine=False),
    ]


def test_whoever_follows_a_caller_that_failed_need_not_wait(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")
    repeats.abandon("key", begun_at_ms=T0)

    answers = [begin(repeats, name, now_ms=T0 + 1) for name in ("m2", "m3")]

    assert answers == [
        Repeat(message_id="m1", is_mine=True),
        Repeat(message_id="m1", is_mine=False),
    ]


def test_a_caller_that_another_has_followed_abandons_nothing(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")
    begin(repeats, "m2", now_ms=T0 + 60_000)

    repeats.abandon("key", begun_at_ms=T0)

    assert begin(repeats, "m3", now_ms=T0 + 60_001) == Repeat(message_id="m1", is_mine=False)


def test_an_answer_is_not_abandoned(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")
    repeats.complete("key", answer="first", now_ms=T0)

    repeats.abandon("key", begun_at_ms=T0)

    assert begin(repeats, "m2", now_ms=T0 + 1).answer == "first"


def test_what_was_never_begun_is_not_abandoned(repeats: IdempotencyStore) -> None:
    repeats.abandon("key", begun_at_ms=T0)

    assert begin(repeats, "m1") == Repeat(message_id="m1", is_mine=True)


def test_after_a_day_a_key_is_new(repeats: IdempotencyStore) -> None:
    begin(repeats, "m1")
    repeats.complete("key", answer="old", now_ms=T0)

    assert begin(repeats, "m2", fingerprint="f2", now_ms=T0 + DAY_MS) == Repeat(
        message_id="m2", is_mine=True
    )
