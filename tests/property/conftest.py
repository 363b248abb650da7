"""Fixtures of the property tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.connection_stores import valkey_port as running_valkey

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def valkey_port() -> Iterator[int]:
    with running_valkey() as port:
        yield port
