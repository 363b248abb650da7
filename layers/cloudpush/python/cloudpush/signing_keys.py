"""HS256 secrets, from where a reference says (`cloudpush.secret`).

A value may have several secrets, one a line: a token that any of them signed is good. So a secret
is rotated without a gap: put the new one beside the old, sign with it, take the old one away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush.errors import ConfigurationWrong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.secret import SecretReference

SECRET_BYTES: Final = 32
"""RFC 7518, section 3.2: a key as long as the hash, or longer."""


class SecretKeys:
    """`ports.SigningKeys` of a secret."""

    def __init__(self, reference: SecretReference) -> None:
        self._reference = reference

    def find(self, key_id: str | None) -> Sequence[bytes]:
        """See `ports.SigningKeys.find`. Secrets have no ids: each may have signed any token."""
        del key_id
        lines = (line.strip().encode() for line in self._reference.read().text.splitlines())
        secrets = [each for each in lines if each]
        if not secrets or any(len(each) < SECRET_BYTES for each in secrets):
            raise ConfigurationWrong(f"each secret needs {SECRET_BYTES} bytes or more")
        return secrets
