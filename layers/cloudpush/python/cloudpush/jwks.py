"""Public keys of an identity provider: a JSON Web Key Set (RFC 7517) at a URL.

    a key of the set                          is used
    `kty`, `crv` of the one algorithm         yes; a secret (`oct`) never
    `use`, `key_ops`, `alg`, where present    if they say: to verify, by that algorithm
    without `kid`                             for tokens without one

The set is kept for `KEEP_MS`. A token whose `kid` is not in it has the set fetched again, at most
every `RETRY_MS`: a new key is known at once, and whoever invents key ids has nothing fetched for
each. Where the server fails, the last set serves for `STALE_MS`: for the keys that it has. Of
another nobody can tell whether it is new or invented, and that is a fault of ours, no bad token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from cloudpush.errors import KeysUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jwt import PyJWK

KEEP_MS: Final = 5 * 60 * 1000
RETRY_MS: Final = 10 * 1000
"""Between two requests of one environment, however many tokens ask."""

STALE_MS: Final = 24 * 60 * 60 * 1000
"""How long a set serves that no newer could be had for; a withdrawn key lives as long."""

MAX_BYTES: Final = 64 * 1024
MAX_KEYS: Final = 32
"""Of one algorithm in a set."""

RSA_BITS: Final = range(2048, 8193)
"""RFC 7518, section 3.3: 2048 or more. A longer one costs more than a token is worth."""

_KINDS: Final = {
    "RS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""By algorithm: `kty` and `crv` (RFC 7518, section 6; RFC 8037, section 2)."""


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class JwksKeys:
    """`ports.SigningKeys` of a key set.

    Args:
        fetch: returns the set as it is served; raises `KeysUnavailable`.
        algorithm: `RS256`, `ES256` or `EdDSA`.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self, fetch: Callable[[], bytes], *, algorithm: str, clock: Callable[[], int]
    ) -> None:
        self._fetch = fetch
        self._algorithm = algorithm
        self._clock = clock
        self._keys: Sequence[PyJWK] | None = None
        self._fetched_at_ms = 0
        self._tried_at_ms: int | None = None
        self._is_failing = False

    def find(self, key_id: str | None) -> Sequence[PyJWK]:
        """See `ports.SigningKeys.find`."""
        age_ms = self._clock() - self._fetched_at_ms
        if self._keys is None or age_ms >= KEEP_MS:
            self._refresh()
        found = self._named(key_id)
        if not found and self._refresh():
            found = self._named(key_id)
        if not found and self._is_failing:
            raise KeysUnavailable("the key set was not read again, and may have the key by now")
        return found

    def _named(self, key_id: str | None) -> Sequence[PyJWK]:
        return [each for each in self._current() if each.key_id == key_id]

    def _current(self) -> Sequence[PyJWK]:
        if self._keys is None or self._clock() - self._fetched_at_ms >= STALE_MS:
            raise KeysUnavailable("the key set was not read")
        return self._keys

    def _refresh(self) -> bool:
        """Fetch the set if that was not tried a moment ago; return whether there is a new one."""
        now_ms = self._clock()
        if self._tried_at_ms is not None and now_ms - self._tried_at_ms < RETRY_MS:
            return False
        self._tried_at_ms = now_ms
        try:
            self._keys = read_key_set(self._fetch(), self._algorithm)
        except KeysUnavailable:
            self._is_failing = True
            if self._keys is None:
                raise
            return False
        self._is_failing = False
        self._fetched_at_ms = now_ms
        return True


def read_key_set(text: bytes, algorithm: str) -> Sequence[PyJWK]:
    """Return the keys of a set that verify signatures of this algorithm.

    Raises:
        KeysUnavailable: it is no set, or has no such key.
    """
    from jwt import PyJWK, PyJWTError  # noqa: PLC0415 — as in `tokens`

    try:
        served = msgspec.json.decode(text, type=_KeySet).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise KeysUnavailable("what is served is no key set") from error
    found: list[PyJWK] = []
    for each in served:
        try:
            key = PyJWK(each, algorithm) if _is_for(each, algorithm) else None
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue  # its neighbours may be better
        if key is not None and (algorithm != "RS256" or key.key.key_size in RSA_BITS):
            found.append(key)
    if not found or len(found) > MAX_KEYS:
        raise KeysUnavailable(f"the key set has {len(found)} keys for {algorithm}")
    return found


def _is_for(key: dict[str, Any], algorithm: str) -> bool:
    kind, curve = _KINDS[algorithm]
    operations: object = key.get("key_ops", ["verify"])
    return (
        key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and isinstance(key.get("kid", ""), str)
    )
