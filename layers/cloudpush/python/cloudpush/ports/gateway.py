"""What posts to connections."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Outcome(enum.Enum):
    """What the gateway made of one post."""

    SENT = "sent"
    """200: handed to the socket. Not a delivery."""
    GONE = "gone"
    """410: not open yet, or closed."""
    THROTTLED = "throttled"
    """429: this client's buffer is full or, across many, the account's quota is used up."""
    TOO_LARGE = "too_large"
    """413: more than 128 KB."""
    UNAVAILABLE = "unavailable"
    """5xx, a lost or refused connection, or no answer before the deadline."""
    DEFERRED = "deferred"
    """Nothing was sent: there is no room for it in our own budget for now."""
    REFUSED = "refused"
    """400, 403 or another: the id, signature, permission or stage is wrong; the same post fails
    again."""

    @property
    def is_temporary(self) -> bool:
        """Tell whether the same post is worth trying again later."""
        return self not in _FINAL


_FINAL: Final = (Outcome.SENT, Outcome.GONE, Outcome.TOO_LARGE, Outcome.REFUSED)


class Post(msgspec.Struct, frozen=True):
    """One message for one connection."""

    connection_id: str
    data: bytes
    """UTF-8 text, at most 128 KB."""


class ManagementApi(Protocol):
    """`@connections` of one stage."""

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        """Post every one of these, many in flight, and return the outcomes in their order.

        Posts of one call to one connection go out one after the other, in order, whatever the
        outcome of those before. A post is sent again in one case alone: the keep-alive connection
        to the gateway had carried an answer before, and was lost before any byte of this one, so
        the gateway had most likely closed it between the two. A post that has no answer at the
        deadline is `UNAVAILABLE`; it may have arrived. So is the slowest twentieth of a call if the
        others do not wait for it. An id that no connection can have is
        `REFUSED`.

        Raises:
            ConfigurationWrong: there are no credentials to sign with.
            GatewayUnavailable: the credentials could not be refreshed.
        """
        ...

    async def delete_connection(self, connection_id: str) -> Outcome:
        """Close a connection; `SENT` if it was there, `GONE` if not. Raises as a post does."""
        ...
