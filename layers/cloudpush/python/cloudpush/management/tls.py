"""TLS of one line, without I/O: bytes from the network in, bytes for the network out.

asyncio has this as well, for streams of any kind and both directions at once. A line reads one
short answer and writes one request, in turn, and for that asyncio's takes twice as long.
"""

from __future__ import annotations

import ssl
from typing import Final

_READ_BYTES: Final = 16 * 1024
"""The largest record of TLS (RFC 8446, section 5.1)."""


class TlsSession:
    """The client's side. What `take_outgoing` returns is to be sent after every other call."""

    def __init__(self, context: ssl.SSLContext, server_hostname: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=server_hostname
        )
        self.is_agreed = False
        """The handshake is done, and the certificate is one for that name."""
        self.is_over = False
        """The server sends nothing more."""

    def shake_hands(self) -> None:
        """Go on with the handshake, as far as the bytes that came allow.

        Raises:
            OSError: it failed, `SSLCertVerificationError` for one.
        """
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.is_agreed = True

    def receive(self, data: bytes | memoryview) -> bytes:
        """Take bytes from the network; return what the server says with them.

        Raises:
            OSError: these are not what the server has sent, or the handshake failed.
        """
        self._incoming.write(data)
        if not self.is_agreed:
            self.shake_hands()
            if not self.is_agreed:
                return b""
        said = b""
        # Each read takes a whole record. Nothing of a ticket or of half a record is heard: asking
        # once more would cost an exception then.
        while self._incoming.pending:
            try:
                piece = self._object.read(_READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                piece = b""
            if not piece:
                self.is_over = True
                break
            said = said + piece if said else piece
        return said

    def seal(self, data: bytes) -> bytes:
        """Return what is sent to say this.

        Raises:
            OSError: the session has failed.
        """
        written = self._object.write(data)
        while written < len(data):
            written += self._object.write(memoryview(data)[written:])
        return self._outgoing.read()

    def take_outgoing(self) -> bytes:
        """Return what is to be sent by now, if anything is."""
        return self._outgoing.read() if self._outgoing.pending else b""
