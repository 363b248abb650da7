"""What goes wrong in a test that isn't the gateway's fault.

AssertionError
└── HandshakeRefused   the gateway refused a handshake: `status`, `body`
"""

from __future__ import annotations


class HandshakeRefused(AssertionError):
    """A handshake was refused; `pytest.raises(HandshakeRefused)` is how a test expects it."""

    def __init__(self, status: int, body: str) -> None:
        """Take the answer; the status is 0 if the connection was cut without one."""
        self.status = status
        self.body = body
        super().__init__(f"the handshake was refused with {status}: {body}")
