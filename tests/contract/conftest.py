"""Fixtures of the contract suites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.connection_stores import Empty, Harness, empty_memory, moto_dynamodb, valkey
from tests.contract.connection_stores import valkey_port as running_valkey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudpush.ports import ConnectionStore


@pytest.fixture(scope="session")
def valkey_port() -> Iterator[int]:
    with running_valkey() as port:
        yield port


@pytest.fixture(
    scope="module",
    params=["memory", "dynamodb", pytest.param("redis", marks=pytest.mark.valkey)],
)
def empty(request: pytest.FixtureRequest) -> Iterator[Empty]:
    if request.param == "memory":
        yield empty_memory
    elif request.param == "dynamodb":
        with moto_dynamodb() as empty_dynamodb:
            yield empty_dynamodb
    else:
        with valkey(request.getfixturevalue("valkey_port")) as empty_redis:
            yield empty_redis


@pytest.fixture
def harness(empty: Empty) -> Harness:
    return empty()


@pytest.fixture
def store(harness: Harness) -> ConnectionStore:
    return harness.store
