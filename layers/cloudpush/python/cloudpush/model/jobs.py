"""What a queue carries; `cloudpush.jobs` writes it as text."""

from __future__ import annotations

import msgspec

from cloudpush.model.connections import Connection
from cloudpush.model.inboxes import Position
from cloudpush.model.messages import Publication, Receipt


class Welcome(msgspec.Struct, frozen=True, kw_only=True, tag="welcome"):
    """Job: send CONNECTION to a connection whose handshake is about to end, or just did."""

    connection: Connection
    position: Position | None = None
    """What the client said on connecting; None if it said nothing that can be a position."""
    attempt: int = 1


class Delivery(msgspec.Struct, frozen=True, kw_only=True, tag="delivery"):
    """Job: deliver one publication to these connections and to no others."""

    publication: Publication
    connections: list[Connection]
    attempt: int = 1
    is_fanned_out: bool = False
    """Whether it is what a fan-out left, and pays for its posts as that does."""
    is_paid: bool = False
    """Whether it has, and waited for its turn."""


class FanOut(msgspec.Struct, frozen=True, kw_only=True, tag="fan-out"):
    """Job: work at the fan-out of a kept publication, on whichever shards are free.

    It names the message and does not carry it, and no shard: what the store says by then decides.
    So a duplicate of it is one more worker, who finds less to do.
    """

    message_id: str
    doublings: int = 0
    """How often the worker may still ask for another one, each of whom may then ask once less."""
    hop: int = 1
    """How many jobs led to this one; a limit stops a loop."""


class Eviction(msgspec.Struct, frozen=True, kw_only=True, tag="eviction"):
    """Job: tell a connection CLOSE with this code, then delete it."""

    connection: Connection
    close_code: int
    reason: str | None = None
    """What the client is told beside the code."""
    attempt: int = 1


class Expansion(msgspec.Struct, frozen=True, kw_only=True, tag="expansion"):
    """Job: bring a kept message to a few targets, in one go.

    It names the message and does not carry it: what the store says of the message by then, that
    it was cancelled or paused, decides.
    """

    message_id: str


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag="drain"):
    """Job: look after inboxes: send what waits, and again what was not acknowledged."""

    client_ids: list[str]
    """Whose; each by itself."""


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """Job: tell the sender's receiver how these deliveries ended."""

    receipts: list[Receipt]
    """As the store keeps them; terminal, so none of them ever changes."""


Job = Welcome | Delivery | FanOut | Eviction | Expansion | Drain | Notice
"""What a queue carries."""
