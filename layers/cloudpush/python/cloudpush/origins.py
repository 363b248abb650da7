"""From which web pages a browser may connect: the `Origin` of a handshake against a list.

A browser sends `Origin` with every handshake, and a page cannot change it; it also sends what the
browser knows of the service by itself. So a page of another origin could act as the page's reader
(cross-site WebSocket hijacking) where nothing else is asked for. Other clients send no `Origin`, or
any that they like: a list keeps out pages, nobody else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudpush.errors import Forbidden

if TYPE_CHECKING:
    from collections.abc import Collection


def check_origin(origin: str | None, allowed: Collection[str]) -> None:
    """Accept a handshake from no page, from a page of these origins, or any if none is named.

    Raises:
        Forbidden: it is from another page.
    """
    if allowed and origin is not None and origin not in allowed:
        raise Forbidden("pages of this origin may not connect")
