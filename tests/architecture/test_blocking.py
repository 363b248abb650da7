from __future__ import annotations

from tests.architecture import blocking


def test_the_blocking_gateway_is_the_asynchronous_one() -> None:
    assert blocking.WRITTEN.read_text() == blocking.written(), "make fix"
