"""Answer a request that is repeated under one idempotency key with the first result.

    begin ──► mine ──► perform ──► complete ──► the answer
      ├────► answered before ──► the same answer, byte for byte
      ├────► another request's key ──► `KeyReused`
      └────► somebody is at it ──► `RequestUnderWay`

A caller that fails between `begin` and `complete` leaves the message's id. Whoever repeats the
request does it under the same id: what was done is not done again. A caller that can still say that
it failed abandons the key, and is followed at once; one that died is after a minute.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from cloudpush.errors import InvalidMessage, KeyReused, RequestUnderWay, ServiceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cloudpush.ports import IdempotencyStore

KEY_LENGTH: Final = 255
"""Characters of a key, printable ASCII."""

REQUEST_BYTES: Final = 256 * 1024
"""What a request under a key may have: its answer, which is kept, is never much larger."""

_KEY: Final = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a request came to."""

    status: int
    body: str
    is_repeat: bool = False
    """Whether it is the first result of a request that was repeated."""
    is_final: bool = True
    """Whether a repeat gets it; else it does all again, because a part failed for the moment."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    status: int
    body: str


async def perform_once(  # noqa: PLR0913 — what to do, for whom, and two ports
    perform: Callable[[str], Awaitable[Answer]],
    *,
    key: str | None,
    owner: str,
    request: bytes,
    message_id: str,
    repeats: Callable[[], IdempotencyStore],
    clock: Callable[[], int],
) -> Answer:
    """Perform a request under a key, or return what it came to before; without a key, perform it.

    Args:
        perform: does it, with the id that its message has; whatever it raises leaves the key to
            whoever tries again.
        key: the caller's.
        owner: who the caller is: nobody meets the key of another, or its answer.
        request: what the request is: under one key always the same.
        message_id: a new one.
        repeats: returns the port; asked only where there is a key.
        clock: milliseconds since the epoch.

    Raises:
        InvalidMessage: the key is not 1 to 255 printable characters, or the request too large.
        KeyReused, RequestUnderWay: see above.
    """
    if key is None:
        return await perform(message_id)
    if _KEY.fullmatch(key) is None:
        raise InvalidMessage(f"Idempotency-Key must be 1 to {KEY_LENGTH} visible ASCII characters")
    if len(request) > REQUEST_BYTES:
        raise InvalidMessage(f"with Idempotency-Key a request has at most {REQUEST_BYTES} bytes")
    name = hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()
    store, begun_at_ms = repeats(), clock()
    repeat = store.begin(
        name,
        fingerprint=hashlib.sha256(request).hexdigest(),
        message_id=message_id,
        now_ms=begun_at_ms,
    )
    if not repeat.is_same:
        raise KeyReused("this Idempotency-Key was used for another request")
    if repeat.answer is not None:
        kept = msgspec.json.decode(repeat.answer, type=_Kept)
        return Answer(status=kept.status, body=kept.body, is_repeat=True)
    if not repeat.is_mine:
        raise RequestUnderWay("the first request with this Idempotency-Key has no answer yet")
    try:
        answer = await perform(repeat.message_id)
        if answer.is_final:
            kept = msgspec.json.encode(_Kept(answer.status, answer.body)).decode()
            store.complete(name, answer=kept, now_ms=clock())
    except Exception:
        _abandon(store, name, begun_at_ms)
        raise
    if not answer.is_final:
        _abandon(store, name, begun_at_ms)
    return answer


def _abandon(store: IdempotencyStore, name: str, begun_at_ms: int) -> None:
    with contextlib.suppress(ServiceError):  # then it is as if we had died
        store.abandon(name, begun_at_ms=begun_at_ms)
