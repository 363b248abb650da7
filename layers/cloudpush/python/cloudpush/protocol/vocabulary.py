"""What both directions speak of: what an envelope is, how large it may be, and who a client is."""

from __future__ import annotations

import enum
import re
from typing import Final

from cloudpush.errors import InvalidClientId

ENVELOPE_LIMIT: Final = 120 * 1024
"""Bytes of an envelope, in either direction: 8 KB below the gateway's limit for a message."""

CLIENT_ID_LENGTH: Final = 128
"""Characters of a client id, all of them ASCII; a client's own `messageId` may be as long."""

SUBPROTOCOL: Final = "cloudpush"
"""What a client may offer, with its token beside it, and then gets."""

_CLIENT_ID: Final = re.compile(rf"[A-Za-z0-9._:@-]{{1,{CLIENT_ID_LENGTH}}}")


class MsgType(enum.IntEnum):
    """What an envelope is: each request is odd, its answer the next even number."""

    ERROR = -1
    CONNECTION = 0
    BUSINESS = 1
    BUSINESS_ACK = 2
    HEARTBEAT = 3
    HEARTBEAT_ACK = 4
    SUBSCRIBE = 5
    SUBSCRIBE_ACK = 6
    UNSUBSCRIBE = 7
    UNSUBSCRIBE_ACK = 8
    PRESENCE = 9
    PRESENCE_ACK = 10
    HISTORY = 11
    HISTORY_ACK = 12
    RESUME = 13
    RESUME_ACK = 14
    CLOSE = 15

    @property
    def is_reserved(self) -> bool:
        """Tell whether the protocol keeps the number for something that is not built."""
        return MsgType.SUBSCRIBE <= self <= MsgType.HISTORY_ACK


class CloseCode(enum.IntEnum):
    """Why the service closes a connection; the hundreds say what the client does next.

    4000 to 4099 final, 4100 to 4199 session, 4200 to 4299 reconnect now, 4300 to 4399 back off.
    """

    DISCONNECTED = 4001
    """An operator closed the connection: don't reconnect."""
    REPLACED = 4101
    """A newer connection of the same client took its place: don't reconnect."""
    STALE = 4201
    """The client was silent for longer than the stale limit: reconnect now."""
    UNACKNOWLEDGED = 4202
    """The client did not acknowledge a message that was sent six times: reconnect now, resume."""

    @property
    def is_reconnect(self) -> bool:
        """Tell whether the client should connect again."""
        return self >= 4200  # noqa: PLR2004 — the ranges are in the class's docstring


def is_client_id(text: str) -> bool:
    """Tell whether the text is 1 to 128 characters of `[A-Za-z0-9._:@-]`."""
    return _CLIENT_ID.fullmatch(text) is not None


def check_client_id(text: str | None, *, name: str = "channelId") -> str:
    """Return a client id as it is; `name` is what whoever gave it calls it.

    Raises:
        InvalidClientId: it is missing, or has a character or a length that none may have.
    """
    if not text:
        raise InvalidClientId(f"{name} is required")
    if not is_client_id(text):
        raise InvalidClientId(
            f"{name} must be 1 to {CLIENT_ID_LENGTH} characters of A-Z a-z 0-9 . _ : @ -"
        )
    return text
