"""Tokens as tests need them: good ones, and every kind of bad one."""

from __future__ import annotations

from typing import Any, Final

import jwt

from cloudpush.settings import Settings
from tests.fakes.push_service import NOON_MS

SECRET: Final = "0123456789abcdef0123456789abcdef"
OTHER_SECRET: Final = "fedcba9876543210fedcba9876543210"

CLOSED: Final = Settings(
    websocket_url="wss://ws.example.com/dev",
    auth_secret=f"plain:{SECRET}",
)
"""Settings of a deployment whose tokens are signed with `SECRET`."""


def claims_of(subject: str = "alice", **more: Any) -> dict[str, Any]:  # noqa: ANN401 — any claim
    """Return the claims of a token that is good for an hour from noon; None leaves one out."""
    now = NOON_MS // 1000
    claims = {"sub": subject, "aud": "cloudpush", "iat": now, "exp": now + 3600, **more}
    return {name: value for name, value in claims.items() if value is not None}


def a_token(subject: str = "alice", *, secret: str = SECRET, **more: Any) -> str:  # noqa: ANN401 — any claim
    """Return a token of these claims, signed with HS256."""
    return jwt.encode(claims_of(subject, **more), secret, algorithm="HS256")


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"authorization": f"Bearer {token}"}
