"""Who asks, and what for: principals, scopes, and patterns of client ids. Pure.

    principal           how it says who it is       what it may
    a client            a JWT whose `sub` it is     push to the patterns of its claim `push`
    a client            a ticket for it             push to the patterns of the ticket
    a backend           a JWT with `scope`          the same by HTTP, and what its scopes allow
    a backend           an API key                  the same, by the patterns and scopes of the key
    everybody           nothing, `AuthMode=none`    everything

A pattern is a client id, the beginning of client ids with `*` behind it, or `*` alone. Nothing is
allowed by default.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from cloudpush.errors import Forbidden
from cloudpush.protocol import is_client_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ANYBODY: Final = "*"
"""The pattern of all client ids; alone it allows a push to all, too."""

MAX_PATTERNS: Final = 50
MAX_PATTERN_BYTES: Final = 4096
"""Of one principal: an authorizer's answer has at most 8 KB (API Gateway quotas)."""


class Scope(enum.Enum):
    """What the routes of the push API ask for."""

    PUSH = "push"
    """Send, cancel and pause messages."""
    READ = "read"
    """Look at messages, clients, inboxes, presence and statistics."""
    ADMIN = "admin"
    """Disconnect clients, send in another's name."""


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    name: str
    """The `sub` of its token. `EVERYBODY` and `NOBODY` have names that no client can have."""
    targets: tuple[str, ...] = ()
    """Patterns of the client ids that it may push to."""
    scopes: frozenset[Scope] = frozenset()
    issued_at_ms: int | None = None
    """When its token or ticket was issued; None for what is no client's, and never revoked so."""

    @property
    def client_id(self) -> str | None:
        """Return the client id that it is, or None if it is no client."""
        return self.name if is_client_id(self.name) else None

    def may_push_to(self, client_id: str) -> bool:
        """Tell whether one of its patterns fits."""
        return any(_fits(client_id, pattern) for pattern in self.targets)

    def check_patterns(self, patterns: Iterable[str]) -> None:
        """Accept handing on the right to push to these patterns.

        Raises:
            Forbidden: it does not have it itself.
        """
        if not all(any(_covers(own, each) for own in self.targets) for each in patterns):
            raise Forbidden("what asks may not push to each of these targets itself")

    def check_targets(self, client_ids: Iterable[str] | None) -> None:
        """Accept a push to these clients; None is all.

        Raises:
            Forbidden: it may not push to one of them; nobody gets anything then.
        """
        if ANYBODY in self.targets:
            return
        if client_ids is None:
            raise Forbidden("this token does not allow a push to all")
        if not all(self.may_push_to(each) for each in client_ids):
            raise Forbidden("this token does not allow a push to each of these targets")


EVERYBODY: Final = Principal(name="(everybody)", targets=(ANYBODY,), scopes=frozenset(Scope))
"""Whoever asks, where `AuthMode` is `none`."""

NOBODY: Final = Principal(name="(nobody)")
"""Who has shown nothing, where `AuthMode` is `jwt`."""


def check_patterns(value: object) -> tuple[str, ...]:
    """Return patterns as they are, from a claim or a request: a text, or a list of texts.

    Raises:
        ValueError: one is no pattern, or they are too many.
    """
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, (list, tuple)):
        raise ValueError("push must be a pattern, or a list of them")  # noqa: TRY004 — data, not a type
    patterns = cast("Sequence[Any]", found)
    if len(patterns) > MAX_PATTERNS:
        raise ValueError(f"push has more than {MAX_PATTERNS} patterns")
    for each in patterns:
        if not isinstance(each, str) or not _is_pattern(each):
            raise ValueError("push must hold client ids, or their beginnings with * behind them")
    if sum(len(each) + 1 for each in patterns) > MAX_PATTERN_BYTES:
        raise ValueError(f"push has more than {MAX_PATTERN_BYTES} characters")
    return tuple(patterns)


def check_scopes(value: object) -> frozenset[Scope]:
    """Return the scopes of a text with spaces between them (RFC 6749, section 3.3).

    Others' scopes are none of ours and mean nothing here.

    Raises:
        ValueError: it is no text.
    """
    if not isinstance(value, str):
        raise ValueError("scope must be a text")  # noqa: TRY004 — data, not a type
    names = set(value.split())
    return frozenset(each for each in Scope if each.value in names)


def write_context(principal: Principal) -> dict[str, str]:
    """Return what an authorizer's answer carries of a client: texts alone, as API Gateway asks."""
    issued = {} if principal.issued_at_ms is None else {"issuedAt": str(principal.issued_at_ms)}
    return {"push": " ".join(principal.targets), **issued}


def read_context(context: dict[str, Any] | None) -> Principal:
    """Read `write_context` back, with `principalId` beside it; without one it is nobody."""
    if not context:
        return NOBODY
    return Principal(
        name=str(context["principalId"]),
        targets=tuple(str(context.get("push", "")).split()),
        issued_at_ms=int(context.get("issuedAt", 0)),
    )


def _is_pattern(text: str) -> bool:
    return text == ANYBODY or is_client_id(text.removesuffix(ANYBODY))


def _covers(own: str, wanted: str) -> bool:
    """Tell whether every client id that fits `wanted` fits `own`."""
    return own == wanted or (own.endswith(ANYBODY) and wanted.startswith(own[:-1]))


def _fits(client_id: str, pattern: str) -> bool:
    if pattern.endswith(ANYBODY):
        return client_id.startswith(pattern[:-1])
    return client_id == pattern
