"""The one module of the push service that draws random numbers."""

from __future__ import annotations

import base64
import os
import uuid


def new_message_id() -> str:
    """Return an id for a publication: 32 hexadecimal digits, unguessable."""
    return uuid.UUID(bytes=os.urandom(16), version=4).hex


def new_session_id() -> str:
    """Return an id for a client's stay on one connection: 32 hexadecimal digits."""
    return uuid.UUID(bytes=os.urandom(16), version=4).hex


def new_secret() -> str:
    """Return 256 random bits: 43 characters of base64url, unguessable."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")


def new_key_id() -> str:
    """Return an id for an API key: 16 hexadecimal digits, no secret."""
    return os.urandom(8).hex()
