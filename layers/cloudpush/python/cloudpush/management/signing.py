"""AWS Signature Version 4 for `execute-api`, with everything that repeats computed once.

The rule is AWS's «Create a signed AWS API request» (IAM User Guide); the tests hold every
step against botocore's `SigV4Auth`, byte for byte. What botocore computes anew for each
request is kept here:

    signing key          while day, region and credentials stay the same
    headers, their names while second and credentials stay the same
    start of the HMAC    as long: it stands before the request's hash in what is signed
    hash of the body     while the body is the very same object, as in a broadcast
"""

from __future__ import annotations

import hmac
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cloudpush.errors import ConfigurationWrong

if TYPE_CHECKING:
    from cloudpush.management.credentials import FrozenCredentials

_SERVICE: Final = "execute-api"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_BLOCK_SIZE: Final = 64
"""Of SHA-256, to which HMAC pads its key (RFC 2104, section 2)."""


class Signer:
    """Signs requests to one host in one region; `use` comes before the first `sign`."""

    def __init__(self, *, host: str, region: str) -> None:
        self._host = host
        self._region = region
        self._identity: tuple[str, str, str | None] | None = None
        self._day = ""
        self._second = -1
        self._body: bytes | None = None
        self._body_hash = ""
        self._canonical_headers = ""
        self._header_prefix = ""
        # HMAC (RFC 2104, section 4) from two hashes that have their key's block in them already:
        # two thirds faster than `hmac.digest`, which starts from the key.
        self._inner = sha256()
        self._outer = sha256()
        self._started = sha256()

    def use(self, credentials: FrozenCredentials) -> None:
        """Sign with these from now on; cheap if they are the same as before.

        Raises:
            ConfigurationWrong: one of them cannot stand in a header.
        """
        identity = (credentials.access_key, credentials.secret_key, credentials.token)
        if identity == self._identity:
            return
        for value in (credentials.access_key, credentials.token or ""):
            if not (value.isascii() and value.isprintable()) or " " in value:
                raise ConfigurationWrong("the AWS credentials have characters that none may have")
        self._identity = identity
        self._day = ""
        self._second = -1

    def sign(self, method: str, canonical_path: str, body: bytes, *, now_ms: int) -> str:
        """Return the header lines that make the request a signed one, without the last CRLF.

        They are `Host`, `X-Amz-Date`, with temporary credentials `X-Amz-Security-Token`, and
        `Authorization`; all but the last are signed, and no others.
        """
        request = self.canonical_request(method, canonical_path, body, now_ms=now_ms)
        inner = self._started.copy()
        inner.update(sha256(request.encode()).hexdigest().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return self._header_prefix + outer.hexdigest()

    def canonical_request(
        self, method: str, canonical_path: str, body: bytes, *, now_ms: int
    ) -> str:
        """Return the request as it is hashed: step 1 of the signature."""
        second = now_ms // 1000
        if second != self._second:
            self._turn_to(second)
        if body is not self._body:
            self._body = body
            self._body_hash = sha256(body).hexdigest()
        return f"{method}\n{canonical_path}{self._canonical_headers}{self._body_hash}"

    def _turn_to(self, second: int) -> None:
        if self._identity is None:
            raise RuntimeError("a signer needs credentials before it signs")
        access_key, secret_key, token = self._identity
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        day = timestamp[:8]
        if day != self._day:
            self._turn_to_day(day, secret_key)
        scope = f"{day}/{self._region}/{_SERVICE}/aws4_request"
        headers = f"host:{self._host}\nx-amz-date:{timestamp}\n"
        names = "host;x-amz-date"
        lines = f"Host: {self._host}\r\nX-Amz-Date: {timestamp}\r\n"
        if token:
            headers += f"x-amz-security-token:{token}\n"
            names += ";x-amz-security-token"
            lines += f"X-Amz-Security-Token: {token}\r\n"
        # The empty line between path and headers is the query, which is empty here.
        self._canonical_headers = f"\n\n{headers}\n{names}\n"
        # The text to sign, step 2, is this and the hash of the canonical request.
        self._started = self._inner.copy()
        self._started.update(f"{_ALGORITHM}\n{timestamp}\n{scope}\n".encode())
        self._header_prefix = (
            f"{lines}Authorization: {_ALGORITHM} Credential={access_key}/{scope}, "
            f"SignedHeaders={names}, Signature="
        )
        self._second = second

    def _turn_to_day(self, day: str, secret_key: str) -> None:
        key = f"AWS4{secret_key}".encode()
        for part in (day, self._region, _SERVICE, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        padded = key.ljust(_BLOCK_SIZE, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in padded))
        self._day = day
