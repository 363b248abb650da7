"""What browsers don't do, although every other client does; and how their requests are told apart.

A web page can reach every port of this machine: by its own origin, if its name is made to resolve
to 127.0.0.1 (DNS rebinding), which the Host header shows; from any origin otherwise, which the
browser says in `Origin` (RFC 6454; fetch standard, "Origin header") and, of requests that have
none, in `Sec-Fetch-Site` (W3C, "Fetch Metadata Request Headers").

Header names are in lower case here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    Headers = Iterable[tuple[bytes, bytes]]

BLOCKED_BY_BROWSERS: Final = frozenset(
    {
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161),
        *(179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563),
        *(587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061),
        *(6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)
"""Bad ports of the fetch standard ("Port blocking"), which WebSocket connections obey too."""

LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})


def host_of(headers: Headers) -> str:
    """Return the name in the Host header, in lower case and without a port.

    It is empty if there is no such header, or more than one: who reads the other one would be
    deceived (RFC 9112, section 3.2).
    """
    found = [value for name, value in headers if name == b"host"]
    return _bare(found[0]) if len(found) == 1 else ""


def is_for_this_machine(headers: Headers) -> bool:
    """Tell whether the Host header names this machine, with any port or none."""
    return host_of(headers) in LOOPBACK_NAMES


def foreign_origin(headers: Headers) -> str | None:
    """Return the origin of the web page that makes the request, None if it is of this machine.

    Everything but a browser makes requests without one.
    """
    for name, value in headers:
        if name == b"origin":
            is_ours = _bare(value.rpartition(b"://")[2]) in LOOPBACK_NAMES
            return None if is_ours else value.decode("latin-1")
    return None


def is_cross_site(headers: Headers) -> bool:
    """Tell whether a web page that did not come from this machine makes the request.

    That includes what a page embeds, such as an image, whose request has no `Origin`; not a link
    that somebody follows, as only they see its answer.
    """
    site = destination = b""
    for name, value in headers:
        if name == b"origin":
            return _bare(value.rpartition(b"://")[2]) not in LOOPBACK_NAMES
        if name == b"sec-fetch-site":
            site = value
        elif name == b"sec-fetch-dest":
            destination = value
    return site == b"cross-site" and destination != b"document"


def is_by_page(headers: Headers) -> bool:
    """Tell whether a web page makes the request, of whatever origin; not an address typed in."""
    for name, value in headers:
        if name == b"origin" or (name == b"sec-fetch-site" and value != b"none"):
            return True
    return False


def _bare(host: bytes) -> str:
    """Return a host without its port, in lower case."""
    text = host.decode("latin-1").lower()
    name, _, port = text.rpartition(":")
    return name if name and port.isdigit() else text
