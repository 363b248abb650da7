"""Whom a request may address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudpush.errors import NoTarget, TooManyTargets

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_TARGETS: Final = 1000
"""Client ids in one request, counted before duplicates are dropped."""


def check_targets(client_ids: Sequence[str]) -> list[str]:
    """Return the targets of a request, each once.

    Raises:
        NoTarget: there are none.
        TooManyTargets: there are more than `MAX_TARGETS`.
    """
    if len(client_ids) > MAX_TARGETS:
        raise TooManyTargets(f"{len(client_ids)} targets; {MAX_TARGETS} are allowed, or all")
    if not client_ids:
        raise NoTarget("there is no target")
    return list(dict.fromkeys(client_ids))
