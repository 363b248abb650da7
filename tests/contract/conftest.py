"""Fixtures of the contract suites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.connection_stores import (
    DYNAMODB_LOCAL,
    Empty,
    Harness,
    dynamodb_local,
    empty_memory,
    moto_dynamodb,
    valkey,
)
from tests.contract.connection_stores import valkey_port as running_valkey
from tests.contract.kept_stores import Kept, kept_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudpush.ports import ConnectionStore


@pytest.fixture(scope="session")
def valkey_port() -> Iterator[int]:
    with running_valkey() as port:
        yield port


STORES: list[object] = [
    "memory",
    "dynamodb",
    pytest.param("redis", marks=pytest.mark.valkey),
]
if DYNAMODB_LOCAL:
    STORES.append(pytest.param("dynamodb-local", marks=pytest.mark.optional))


@pytest.fixture(scope="module", params=STORES)
def empty(request: pytest.FixtureRequest) -> Iterator[Empty]:
    if request.param == "memory":
        yield empty_memory
    elif request.param == "dynamodb":
        with moto_dynamodb() as empty_dynamodb:
            yield empty_dynamodb
    elif request.param == "dynamodb-local":
        with dynamodb_local(str(DYNAMODB_LOCAL)) as empty_local:
            yield empty_local
    else:
        with valkey(request.getfixturevalue("valkey_port")) as empty_redis:
            yield empty_redis


@pytest.fixture
def harness(empty: Empty) -> Harness:
    return empty()


@pytest.fixture
def store(harness: Harness) -> ConnectionStore:
    return harness.store


@pytest.fixture
def kept(harness: Harness) -> Kept:
    return kept_beside(harness)
