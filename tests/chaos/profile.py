"""How much a run of the checker does, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

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
    seed: int = 1
    restarts: int = 1
    """How often the store is killed and started again, where it keeps what it has on disk."""
    deaths: float = 0.001
    """How likely a function dies before a call of a port, and after it."""
    cuts: float = 0.002
    """How likely a request to the store costs the connection it came by."""
    faults: dict[str, float] = field(default_factory=lambda: dict(FAULTS))
    sweep_seconds: float = 10.0
    """How often the sweep looks, instead of once a minute."""
    rest_seconds: float = 150.0
    """How long all that is under way may take to come to rest."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to."""

    accepted: int
    refused: int
    """Perhaps accepted: their senders got no answer, or an error."""
    counts: dict[str, int]
    """Of the accepted ones, summed over all of them."""
    taken: int
    """Messages that clients saw."""
    reconnects: int
    cuts: int
    seconds: float
    violations: list[str]
    """Every sentence that should not be true."""
