"""HS256 secrets, from where a reference says (`cloudpush.secret`).

A value may have several secrets, one a line: a token that any of them signed is good. So a secret
is rotated without a gap: put the new one beside the old, sign with it, take the old one away.

PyJWT sees to it that a secret is nobody's public key, with which everybody could sign, whenever it
is used. Here that is done once for each version of the secret.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from jwt import InvalidKeyError, PyJWK
from jwt.algorithms import HMACAlgorithm

from cloudpush.errors import ConfigurationWrong
from cloudpush.tokens import SYMMETRIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.secret import Secret, SecretReference

SECRET_BYTES: Final = 32
"""RFC 7518, section 3.2: a key as long as the hash, or longer."""


class _Checked(HMACAlgorithm):
    """HS256 by keys that were looked at."""

    def prepare_key(self, key: str | bytes) -> bytes:
        """Return the key as it is."""
        return key.encode() if isinstance(key, str) else key


class SecretKeys:
    """`ports.SigningKeys` of a secret."""

    def __init__(self, reference: SecretReference) -> None:
        self._reference = reference
        self._version: Secret | None = None
        self._keys: Sequence[PyJWK] = ()
        """Those of that version."""

    def find(self, key_id: str | None) -> Sequence[PyJWK]:
        """See `ports.SigningKeys.find`. Secrets have no ids: each may have signed any token."""
        del key_id
        version = self._reference.read()
        if version is not self._version:
            self._keys, self._version = _keys_in(version.text), version
        return self._keys


def key_of(secret: bytes) -> PyJWK:
    """Return a secret as a key.

    Raises:
        ConfigurationWrong: it is too short, or a public key.
    """
    if len(secret) < SECRET_BYTES:
        raise ConfigurationWrong(f"each secret needs {SECRET_BYTES} bytes or more")
    encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
    key = PyJWK({"kty": "oct", "k": encoded}, SYMMETRIC)
    try:
        key.Algorithm.prepare_key(secret)
    except InvalidKeyError as error:
        raise ConfigurationWrong("a secret is somebody's public key") from error
    key.Algorithm = _Checked(HMACAlgorithm.SHA256)
    return key


def _keys_in(text: str) -> Sequence[PyJWK]:
    secrets = [line.strip().encode() for line in text.splitlines() if line.strip()]
    if not secrets:
        raise ConfigurationWrong("the secret that tokens are signed with is empty")
    return [key_of(each) for each in secrets]
