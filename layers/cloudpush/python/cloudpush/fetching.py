"""GET a small document, within a time and a size: who serves it may be slow, wrong or hostile.

By the standard library: a timeout of any HTTP client bounds one read, and an answer that comes byte
by byte outlasts it. Here a timer ends the line, whatever it is at.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cloudpush.errors import KeysUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS: Final = 3.0
"""From the first byte of the request to the last of the answer; connecting has `READ_SECONDS`."""

READ_SECONDS: Final = 2.0
"""Of connecting to one address, and of each read."""

_OK: Final = 200


def fetch(
    url: str,
    *,
    max_bytes: int,
    seconds: float = SECONDS,
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context,
) -> bytes:
    """Return what is at an `http://` or `https://` URL. A redirect is not followed.

    Args:
        url: with a host.
        max_bytes: a longer answer is refused, and not read to its end.
        seconds: how long all of it may take.
        trust: makes what a certificate is verified with.

    Raises:
        KeysUnavailable: there is no answer in time, or none of status 200 and this size.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    line = (
        http.client.HTTPSConnection(host, parts.port, timeout=READ_SECONDS, context=trust())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=READ_SECONDS)
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    is_late = threading.Event()
    # Not `line` to the timer: it lets go of its socket with the head of the answer.
    watch = threading.Timer(seconds, lambda: _end(sock, is_late))
    watch.daemon = True
    try:
        line.connect()
        sock: socket.socket = line.sock
        watch.start()
        line.request("GET", target, headers={"Accept": "application/json", "Connection": "close"})
        answer = line.getresponse()
        body = answer.read(max_bytes + 1) if answer.status == _OK else b""
    except (OSError, http.client.HTTPException) as error:
        raise KeysUnavailable(f"{host} did not answer: {type(error).__name__}") from error
    finally:
        watch.cancel()
        line.close()
    if is_late.is_set():  # else an answer without a length seems to be whole
        raise KeysUnavailable(f"{host} did not answer in {seconds} s")
    if answer.status != _OK:
        raise KeysUnavailable(f"{host} answered {answer.status}")
    if len(body) > max_bytes:
        raise KeysUnavailable(f"{host} answered with more than {max_bytes} bytes")
    return body


def _end(sock: socket.socket, is_late: threading.Event) -> None:
    """Let whoever reads from this socket find its end. An SSLSocket's own method would not."""
    is_late.set()
    with contextlib.suppress(OSError):  # it is closed
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
