from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush import api_keys
from cloudpush.api_keys import KEEP_MS, ApiKeys
from cloudpush.errors import Unauthorized
from cloudpush.rights import Principal, Scope
from cloudpush.stores.memory_access import MemoryAccessStore
from tests.fakes.push_service import NOON_MS, ManualClock

if TYPE_CHECKING:
    from cloudpush.access import ApiKey

BACKEND = Principal(name="backend", targets=("alice",), scopes=frozenset({Scope.PUSH}))


class CountingAccessStore(MemoryAccessStore):
    """Counts how often it is asked for a key."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def get_key(self, key_id: str) -> ApiKey | None:
        self.asked += 1
        return super().get_key(key_id)


class Ring:
    """A store with one key, and an environment that verifies keys."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = CountingAccessStore()
        self.text, self.key = api_keys.make(BACKEND, now_ms=NOON_MS)
        self.store.add_key(self.key)
        self.keys = ApiKeys(self.store, clock=self.clock)


def test_a_key_speaks_for_whom_it_was_made() -> None:
    ring = Ring()

    assert ring.keys.verify(ring.text) == BACKEND


def test_what_is_stored_is_not_what_is_shown() -> None:
    ring = Ring()

    secret = ring.text.removeprefix(f"cp_{ring.key.key_id}_")

    assert len(secret) == 43
    assert secret not in repr(ring.key)


def test_another_text_is_no_key() -> None:
    ring = Ring()
    text = ring.text
    last = "B" if text[-1] == "A" else "A"
    other_id = f"cp_{'0' * 16}{text[19:]}"

    for each in (text[:-1] + last, text[:-1], text + "A", text.upper(), other_id, text + "\n"):
        with pytest.raises(Unauthorized):
            ring.keys.verify(each)


def test_two_keys_are_never_alike() -> None:
    texts = {api_keys.make(BACKEND, now_ms=NOON_MS).text for _ in range(100)}

    assert len(texts) == 100


def test_a_revoked_key_is_refused_when_what_is_remembered_is_over() -> None:
    ring = Ring()
    ring.keys.verify(ring.text)
    ring.store.revoke_key(ring.key.key_id)
    ring.clock.advance(ms=KEEP_MS - 1)
    late = ring.keys.verify(ring.text)
    ring.clock.advance(ms=1)

    assert late == BACKEND
    with pytest.raises(Unauthorized):
        ring.keys.verify(ring.text)


def test_the_store_is_asked_once_in_a_while() -> None:
    ring = Ring()

    for _ in range(5):
        ring.keys.verify(ring.text)

    assert ring.store.asked == 1


def test_what_has_not_the_form_of_a_key_is_not_looked_up() -> None:
    ring = Ring()

    with pytest.raises(Unauthorized):
        ring.keys.verify("cp_" + "x" * 60)

    assert ring.store.asked == 0
