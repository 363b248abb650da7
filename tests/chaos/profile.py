"""How much a run of the checker does, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

Backing = Literal["valkey", "moto", "dynamodb-local"]

FAULTS = {
    "lost-frame": 0.05,
    "post-429": 0.02,
    "false-gone": 0.02,
    "lost-disconnect": 0.1,
    "duplicate-disconnect": 0.1,
    "duplicate-record": 0.2,
    "reordered-record": 0.2,
    "function-error": 0.001,
}
"""What the gateway is told to do wrong, and how often (docs/reference/faults.md)."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much is done."""

    store: Backing = "valkey"
    clients: int = 200
    messages: int = 400
    senders: int = 8
    stride: int = 1
    """So many messages go in by the same way, in one request where the way takes many."""
    lists: tuple[int, ...] = (1, 1, 1, 2, 5)
    """How many targets a message has: each number is as likely as the others."""
    wide: float = 0.0
    """How likely a message goes to three quarters of the clients, which is a fan-out."""
    seed: int = 1
    restarts: int = 1
    """How often the store is killed and started again, where it keeps what it has on disk."""
    deaths: float = 0.001
    """How likely a function dies before a call of a port, and after it."""
    cuts: float = 0.002
    """How likely a request to the store costs the connection it came by."""
    faults: dict[str, float] = field(default_factory=lambda: dict(FAULTS))
    job_seconds: int = 20
    """How long a function may take, its start included, and when a job comes again whose function
    died. On a machine that has much else to do, starts that take longer fail for ever."""
    sweep_seconds: float = 10.0
    """How often the sweep looks, instead of once a minute."""
    rest_seconds: float = 150.0
    """How long what is under way may take from one message that is done to the next."""
    log: Path | None = None
    """Where what the gateway and the functions complain of is written."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to."""

    messages: int
    """Accepted: their senders were told so."""
    refused: int
    """Perhaps accepted: their senders got no answer, or an error."""
    copies: dict[str, int]
    """Of the accepted messages, a copy for each target: how many there were, and their ends."""
    taken: int
    """Messages that clients saw."""
    connects: int
    faults: dict[str, int]
    """How often each fault happened."""
    seconds: dict[str, float]
    """How long each part of the run took."""
    violations: list[str]
    """Every sentence that should not be true."""

    @property
    def missed(self) -> list[str]:
        """Return the faults that never happened: of them the run says nothing."""
        return [name for name, times in self.faults.items() if not times]
