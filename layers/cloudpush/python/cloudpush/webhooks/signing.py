"""The signature of a webhook, as Standard Webhooks 1.0 has it, and which key made it.

    signature = "v1," + base64(HMAC-SHA256(key, ID + "." + TIMESTAMP + "." + body))

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, «Webhook
metadata» and «Signature scheme». So a receiver may verify with any of its libraries. The header
`webhook-key-id` is ours: a receiver that knows two secrets need not try both.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

import msgspec

from cloudpush.errors import ConfigurationWrong

PREFIX: Final = "whsec_"
"""Before a secret that is base64; one without it is taken as UTF-8."""

LEAST_BYTES: Final = 24
"""A shorter secret is refused («Signature scheme»: 24 to 64 bytes)."""


class SigningKey(msgspec.Struct, frozen=True):
    """A secret that sender and receiver share."""

    key_id: str
    """Which of the receiver's secrets it is."""
    key: bytes

    def __repr__(self) -> str:
        """Return the id alone: a representation ends in logs."""
        return f"SigningKey({self.key_id!r})"


def read_key(key_id: str, secret: str) -> SigningKey:
    """Return the key that a secret stands for.

    Raises:
        ConfigurationWrong: it is too short, or no base64 behind its prefix.
    """
    key = secret.encode()
    if secret.startswith(PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ConfigurationWrong(f"the receipt secret is no base64 behind {PREFIX}") from None
    if len(key) < LEAST_BYTES:
        raise ConfigurationWrong(
            f"the receipt secret has {len(key)} bytes; {LEAST_BYTES} are the least"
        )
    return SigningKey(key_id, key)


def sign(body: bytes, *, webhook_id: str, timestamp: int, key: SigningKey) -> dict[str, str]:
    """Return the headers that prove who sent a body, and when.

    Args:
        body: as it is sent.
        webhook_id: names the body; without a dot, lest two divisions of the signed text be one.
        timestamp: seconds since the epoch.
        key: what to sign with.
    """
    signed = b".".join([webhook_id.encode(), str(timestamp).encode(), body])
    digest = hmac.new(key.key, signed, hashlib.sha256).digest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "webhook-key-id": key.key_id,
    }
