"""API keys: what a backend shows with each request, `Authorization: Bearer cp_ID_SECRET`.

`cp_` says to people and to scanners of code what it is. ID finds the key; that it is the key is
seen by its SHA-256, compared in constant time.

A function keeps what it found for `KEEP_MS`: so long a key may be good that was revoked, and so
long it may take until one that is new is known where somebody has tried it before.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from cloudpush import ids
from cloudpush.access import ApiKey
from cloudpush.errors import Unauthorized
from cloudpush.remembering import Remembered
from cloudpush.rights import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudpush.access import AccessStore

PREFIX: Final = "cp_"
KEEP_MS: Final = 10 * 1000
KEPT: Final = 1000
"""Keys that one environment keeps at most."""

_KEY: Final = re.compile(rf"{PREFIX}([0-9a-f]{{16}})_[A-Za-z0-9_-]{{43}}")


class NewKey(NamedTuple):
    """A key that was made."""

    text: str
    """What its owner shows; it is nowhere else."""
    key: ApiKey


def make(principal: Principal, *, now_ms: int) -> NewKey:
    """Return a new key that speaks for this principal. Nothing is stored yet."""
    key_id = ids.new_key_id()
    text = f"{PREFIX}{key_id}_{ids.new_secret()}"
    key = ApiKey(
        key_id=key_id,
        name=principal.name,
        digest=_digest(text),
        targets=principal.targets,
        scopes=principal.scopes,
        created_at_ms=now_ms,
    )
    return NewKey(text, key)


class ApiKeys:
    """The keys of a deployment, as one environment knows them."""

    def __init__(self, store: AccessStore, *, clock: Callable[[], int]) -> None:
        self._known = Remembered(store.get_key, keep_ms=KEEP_MS, size=KEPT, clock=clock)

    def verify(self, text: str) -> Principal:
        """Return whom a key speaks for.

        Raises:
            Unauthorized: it is none of ours, or was revoked.
            StoreUnavailable: nobody could tell.
        """
        matched = _KEY.fullmatch(text)
        key = None if matched is None else self._known.get(matched[1])
        if key is None or not hmac.compare_digest(key.digest, _digest(text)):
            raise Unauthorized("a valid key is needed")
        return Principal(name=key.name, targets=key.targets, scopes=key.scopes)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
