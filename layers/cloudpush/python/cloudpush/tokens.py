"""Verify JSON Web Tokens (RFC 7519), by PyJWT: the signature, then the claims.

    what                    else
    at most 4 KB            nothing of a larger one is read
    `alg`                   that of the deployment, whatever the token asks for
    signature               by one of the deployment's keys: `kid` chooses among public ones
    `iss`, `aud`            the deployment's; `iss` where one is set
    `iat`, `nbf`, `exp`     now, with `LEEWAY_MS` for clocks that differ; a month apart at most
    `sub`                   a client id
    `push`, `scope`         patterns of targets, scopes: nothing where they are absent

Whatever is wrong is `Unauthorized` with the same text: a forger learns nothing from it.

PyJWT is imported with the first token, or with the keys that it needs. Half of a cold start of
`authorize` would be `cryptography`, which it loads where that is installed: a layer of its own has
it, for public keys alone.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cloudpush import rights
from cloudpush.errors import Unauthorized
from cloudpush.protocol import is_client_id
from cloudpush.rights import Principal

if TYPE_CHECKING:
    from jwt import PyJWK

    from cloudpush.ports import SigningKeys

TOKEN_BYTES: Final = 4096

LEEWAY_MS: Final = 60_000
"""How far the clock of whoever issues tokens may be from ours."""

TOKEN_LIFETIME_MS: Final = 30 * 24 * 60 * 60 * 1000
"""From `iat` to `exp`, at most: until then a token is good, whoever has it."""

_MAX_SECONDS: Final = 10**11
"""Of a time in a claim: the year 5138."""

SYMMETRIC: Final = "HS256"
"""The one whose key is a secret."""

ALGORITHMS: Final = (SYMMETRIC, "RS256", "ES256", "EdDSA")
_KEY_ID_LENGTH: Final = 256


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment asks of a token."""

    audience: str = "cloudpush"
    issuer: str | None = None
    """None takes any."""
    algorithm: str = SYMMETRIC
    """One of `ALGORITHMS`. A key is of one algorithm, so that no key is taken for another's."""


class _Header(msgspec.Struct, frozen=True):
    """Of the header of a token nobody has verified: which key, and nothing else, goes by it."""

    alg: str
    kid: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_header_decoder = msgspec.json.Decoder(_Header)


def verify(token: str, *, keys: SigningKeys, rules: TokenRules, now_ms: int) -> Principal:
    """Return whom a token speaks for.

    Raises:
        Unauthorized: it is none that we trust.
        SecretUnavailable, KeysUnavailable: the keys could not be fetched.
    """
    import jwt  # noqa: PLC0415 — see the module's docstring

    if len(token) > TOKEN_BYTES or not token.isascii():
        raise _refusal()
    header = _read_header(token)
    if header.alg != rules.algorithm or header.crit is not msgspec.UNSET:
        raise _refusal()
    if len(header.kid or "") > _KEY_ID_LENGTH:
        raise _refusal()
    for key in keys.find(header.kid):
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[rules.algorithm],
                audience=rules.audience,
                issuer=rules.issuer,
                options={
                    "require": ["sub", "aud", "iat", "exp"],
                    "enforce_minimum_key_length": True,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_exp": False,
                },
            )
        except jwt.InvalidSignatureError:
            continue  # another key may be the one
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise _refusal() from error
        return _read(claims, now_ms)
    raise _refusal()


def sign(
    principal: Principal,
    *,
    key: PyJWK | str,
    rules: TokenRules,
    issued_at_ms: int,
    expires_at_ms: int,
) -> str:
    """Return a token: what a backend does for its clients, here for the command line."""
    import jwt  # noqa: PLC0415 — see the module's docstring

    claims: dict[str, Any] = {
        "sub": principal.name,
        "aud": rules.audience,
        "iat": issued_at_ms // 1000,
        "exp": expires_at_ms // 1000,
    }
    if rules.issuer is not None:
        claims["iss"] = rules.issuer
    if principal.targets:
        claims["push"] = list(principal.targets)
    if principal.scopes:
        claims["scope"] = " ".join(sorted(each.value for each in principal.scopes))
    return jwt.encode(claims, key, algorithm=SYMMETRIC)


def _read_header(token: str) -> _Header:
    """Read what chooses the key. PyJWT reads a token as a whole, which takes ten times as long."""
    encoded = token.partition(".")[0]
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        return _header_decoder.decode(text)
    except (ValueError, RecursionError) as error:  # msgspec's errors are of the first kind
        raise _refusal() from error


def _read(claims: dict[str, Any], now_ms: int) -> Principal:
    issued_at_ms = _read_time(claims["iat"])
    expires_at_ms = _read_time(claims["exp"])
    valid_from_ms = _read_time(claims.get("nbf", claims["iat"]))
    if max(issued_at_ms, valid_from_ms) > now_ms + LEEWAY_MS:
        raise _refusal()
    if expires_at_ms + LEEWAY_MS <= now_ms or expires_at_ms - issued_at_ms > TOKEN_LIFETIME_MS:
        raise _refusal()
    name: object = claims["sub"]
    if not isinstance(name, str) or not is_client_id(name):
        raise _refusal()
    try:
        return Principal(
            name=name,
            targets=rights.check_patterns(claims.get("push", [])),
            scopes=rights.check_scopes(claims.get("scope", "")),
            issued_at_ms=issued_at_ms,
        )
    except ValueError as error:
        raise _refusal() from error


def _read_time(value: object) -> int:
    """Return a NumericDate (RFC 7519, section 2) in milliseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _refusal()
    if not 0 <= value < _MAX_SECONDS:  # NaN is in no range
        raise _refusal()
    return int(value * 1000)


def _refusal() -> Unauthorized:
    return Unauthorized("a valid token is needed")
