"""AWS Signature Version 4: whether a request was signed with a secret key that is known here.

IAM user guide, "Create a signed AWS API request", for the service `execute-api`: the canonical path
is the path as it was sent, encoded once more; the body is hashed as it is; a signature is good for
five minutes, or for as long as a presigned query string says. Texts of refusals are AWS's own.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, unquote

from local_gateway.authorization.errors import (
    IncompleteSignature,
    InvalidSignature,
    MissingAuthenticationToken,
    UnrecognizedClient,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW: Final = timedelta(minutes=5)
"""How far a signature's time may lie before or behind the service's clock."""
MAX_EXPIRES: Final = 604_800
"""Seconds that a presigned query string may be valid for: a week."""

_SERVICE: Final = "execute-api"
_TIME: Final = "%Y%m%dT%H%M%SZ"
_UNRESERVED: Final = "-_.~"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whose signatures count."""

    access_key: str
    secret_key: str
    session_token: str | None = None
    function: str | None = None
    """Logical id of the function whose they are, None for a developer's."""


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A request as it came over the wire."""

    method: str
    path: str
    """Percent-encoded as it was sent."""
    query: str
    """As it was sent, without the question mark."""
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the values of a header, its name in lower case, joined as they are signed."""
        wanted = name.encode("latin-1")
        values = [value for found, value in self.headers if found.lower() == wanted]
        if not values:
            return None
        return b",".join(b" ".join(value.split()) for value in values).decode("latin-1")


class _Claim(NamedTuple):
    """What a request says of its signature."""

    access_key: str
    scope: tuple[str, str, str, str]
    """Date, region, service, `aws4_request`."""
    time: str
    signed_headers: tuple[str, ...]
    signature: str
    token: str | None
    expires: int | None
    """Seconds, of a presigned query string."""


def verify(
    request: SentRequest,
    known: Mapping[tuple[str, str | None], Credentials],
    *,
    region: str,
    now_ms: int,
) -> Credentials:
    """Return the credentials that a request was signed with.

    Args:
        request: As it came over the wire.
        known: The credentials that count, by access key and session token.
        region: The only one that a signature may be for.
        now_ms: Milliseconds since the epoch.

    Raises:
        SignatureError: It is not signed, or not by one of the known credentials, or wrong.
    """
    authorization = request.header("authorization")
    pairs = _split_query(request.query)
    query = dict(pairs)
    if authorization is not None:
        claim = _read_header(authorization, request)
    elif "X-Amz-Algorithm" in query or "X-Amz-Signature" in query:
        claim = _read_query(query)
    else:
        raise MissingAuthenticationToken
    credentials = known.get((claim.access_key, claim.token))
    if credentials is None:
        raise UnrecognizedClient
    _check_scope(claim, region)
    _check_time(claim, now_ms)
    _check_signature(claim, request, pairs, credentials)
    return credentials


def _read_header(authorization: str, request: SentRequest) -> _Claim:
    algorithm, _, rest = authorization.partition(" ")
    parts: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        name, equals, value = part.partition("=")
        if not equals:
            raise IncompleteSignature(
                f"'{part}' not a valid key=value pair (missing equal-sign) in Authorization "
                f"header: '{authorization}'."
            )
        parts[name] = value
    wanted = ("Credential", "Signature", "SignedHeaders")
    missing = [f"Authorization header requires '{n}' parameter." for n in wanted if n not in parts]
    time = request.header("x-amz-date") or request.header("date")
    if time is None:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if algorithm != ALGORITHM or missing or time is None:
        missing = missing or [f"Unsupported AWS 'algorithm': '{algorithm}'."]
        raise IncompleteSignature(f"{' '.join(missing)} Authorization={algorithm}")
    access_key, scope = _read_credential(parts["Credential"])
    return _Claim(
        access_key,
        scope,
        time,
        tuple(parts["SignedHeaders"].split(";")),
        parts["Signature"],
        request.header("x-amz-security-token"),
        None,
    )


def _read_query(query: Mapping[str, str]) -> _Claim:
    names = ("Algorithm", "Credential", "Signature", "SignedHeaders", "Date", "Expires")
    for name in (f"X-Amz-{name}" for name in names):
        if name not in query:
            raise IncompleteSignature(f"AWS query-string parameters must include '{name}'.")
    algorithm, expires = query["X-Amz-Algorithm"], query["X-Amz-Expires"]
    if algorithm != ALGORITHM:
        raise IncompleteSignature(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    if not (expires.isascii() and expires.isdecimal() and 0 < int(expires) <= MAX_EXPIRES):
        raise IncompleteSignature(
            f"X-Amz-Expires must be between 1 and {MAX_EXPIRES} seconds; found '{expires}'."
        )
    access_key, scope = _read_credential(query["X-Amz-Credential"])
    return _Claim(
        access_key,
        scope,
        query["X-Amz-Date"],
        tuple(query["X-Amz-SignedHeaders"].split(";")),
        query["X-Amz-Signature"],
        query.get("X-Amz-Security-Token"),
        int(expires),
    )


def _read_credential(credential: str) -> tuple[str, tuple[str, str, str, str]]:
    # An access key of ours may hold slashes; the scope behind it always has four parts.
    access_key, *scope = credential.rsplit("/", 4)
    if len(scope) != 4:  # noqa: PLR2004 — date, region, service, terminator
        raise IncompleteSignature(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential}'"
        )
    date, region, service, terminator = scope
    return access_key, (date, region, service, terminator)


def _check_scope(claim: _Claim, region: str) -> None:
    date, found_region, service, terminator = claim.scope
    problems: list[str] = []
    if terminator != "aws4_request":
        problems.append(
            f"Credential should be scoped with a valid terminator: 'aws4_request', not "
            f"'{terminator}'. "
        )
    if service != _SERVICE:
        problems.append(f"Credential should be scoped to correct service: '{_SERVICE}'. ")
    if found_region != region:
        problems.append(f"Credential should be scoped to a valid region, not '{found_region}'. ")
    if claim.time[:8] != date:
        problems.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{date}' != '{claim.time[:8]}', from '{claim.time}'. "
        )
    if problems:
        raise InvalidSignature("".join(problems))


def _check_time(claim: _Claim, now_ms: int) -> None:
    try:
        signed = datetime.strptime(claim.time, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise IncompleteSignature(
            f"Date must be in ISO-8601 'basic format'. Got '{claim.time}'. See "
            "http://en.wikipedia.org/wiki/ISO_8601"
        ) from error
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    lifetime = SKEW if claim.expires is None else timedelta(seconds=claim.expires)
    if signed + lifetime < now:
        edge = f"{now - lifetime:{_TIME}} ({now:{_TIME}} - {_lifetime_text(lifetime)})"
        raise InvalidSignature(f"Signature expired: {claim.time} is now earlier than {edge}")
    if signed - SKEW > now:
        edge = f"{now + SKEW:{_TIME}} ({now:{_TIME}} + {_lifetime_text(SKEW)})"
        raise InvalidSignature(
            f"Signature not yet current: {claim.time} is still later than {edge}"
        )


def _lifetime_text(lifetime: timedelta) -> str:
    seconds = int(lifetime.total_seconds())
    return f"{seconds // 60} min." if seconds % 60 == 0 else f"{seconds} sec."


def _check_signature(
    claim: _Claim,
    request: SentRequest,
    query: Iterable[tuple[str, str]],
    credentials: Credentials,
) -> None:
    if "host" not in claim.signed_headers:
        raise InvalidSignature(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    is_presigned = claim.expires is not None
    canonical = "\n".join(
        (
            request.method,
            canonical_path(request.path),
            canonical_query(query, is_presigned=is_presigned),
            *(f"{name}:{request.header(name) or ''}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
    text = "\n".join((ALGORITHM, claim.time, "/".join(claim.scope), digest))
    key = _signing_key(credentials.secret_key, *claim.scope)
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), claim.signature.encode("utf-8", "replace")):
        raise InvalidSignature(
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            f"details.\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
            f"The String-to-Sign should have been\n'{text}'\n"
        )


def canonical_path(path: str) -> str:
    """Encode a path once more, as it was sent, and remove what RFC 3986 calls dot segments."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in {"", "."}:
            segments.append(quote(segment, safe=_UNRESERVED))
    end = "/" if segments and path.endswith("/") else ""
    return f"/{'/'.join(segments)}{end}"


def canonical_query(pairs: Iterable[tuple[str, str]], *, is_presigned: bool) -> str:
    """Encode and sort the parameters, without the signature itself."""
    encoded = sorted(
        (quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED))
        for name, value in pairs
        if not (is_presigned and name == "X-Amz-Signature")
    )
    return "&".join(f"{name}={value}" for name, value in encoded)


def _split_query(query: str) -> list[tuple[str, str]]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


@lru_cache(maxsize=64)
def _signing_key(secret: str, date: str, region: str, service: str, terminator: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, terminator):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
