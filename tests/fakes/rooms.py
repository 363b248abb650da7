"""A room with routes of all kinds, a queue and a schedule, served in the test's process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from local_gateway.testing import Gateway, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM: Final = Path(__file__).parent / "room" / "template.yaml"


def serving_room() -> Iterator[Gateway]:
    """Serve it until the generator ends: the body of a fixture."""
    server = serve(ROOM)
    with server:
        yield server.gateway
