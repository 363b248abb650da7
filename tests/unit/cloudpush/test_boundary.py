from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from cloudpush import boundary, errors
from cloudpush.errors import ClientError, CloudpushError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

STATUSES = {
    "InvalidClientId": 400,
    "InvalidMessage": 400,
    "NoTarget": 400,
    "TooManyTargets": 400,
    "PayloadTooLarge": 413,
    "TooManyConnections": 429,
    "TooManyRequests": 429,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotConnected": 400,
    "NotFound": 404,
    "Conflict": 409,
    "KeyReused": 409,
    "RequestUnderWay": 409,
    "Unsupported": 400,
    "StoreUnavailable": 503,
    "QueueUnavailable": 503,
    "GatewayUnavailable": 503,
    "GatewayRefused": 500,
    "SecretUnavailable": 503,
    "KeysUnavailable": 503,
    "ReceiverUnavailable": 503,
    "ReceiverForbidden": 500,
    "HopLimitReached": 500,
    "JobUnreadable": 500,
    "ConfigurationWrong": 500,
}


def leaves() -> list[type[CloudpushError]]:
    return [
        each
        for each in vars(errors).values()
        if isinstance(each, type)
        and issubclass(each, CloudpushError)
        and each not in {CloudpushError, ClientError, ServiceError}
    ]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    yield boundary.event_loop()
    boundary.close_event_loop()


def test_every_error_has_a_status() -> None:
    statuses = {each.__name__: boundary.status_of(each("text")) for each in leaves()}

    assert statuses == STATUSES


def test_every_error_has_a_code_of_its_own() -> None:
    codes = [each.code for each in leaves()]

    assert sorted(set(codes)) == sorted(codes)


def test_a_clients_error_shows_its_text_and_ours_does_not() -> None:
    texts = {each.__name__: boundary.text_of(each("secret")) for each in leaves()}

    shown = {name for name, text in texts.items() if text == "secret"}
    assert shown == {each.__name__ for each in leaves() if issubclass(each, ClientError)}


def test_one_loop_serves_call_after_call(loop: asyncio.AbstractEventLoop) -> None:
    async def running() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    first, second = boundary.run(running()), boundary.run(running())

    assert first is second is loop


def test_it_is_the_threads_current_loop_whoever_changed_that(
    loop: asyncio.AbstractEventLoop,
) -> None:
    asyncio.set_event_loop(None)

    assert boundary.event_loop() is loop
    assert asyncio.get_event_loop() is loop


def test_each_thread_is_an_environment_of_its_own(loop: asyncio.AbstractEventLoop) -> None:
    seen: list[asyncio.AbstractEventLoop] = []

    def handle() -> None:
        seen.append(boundary.event_loop())
        boundary.close_event_loop()

    thread = threading.Thread(target=handle)
    thread.start()
    thread.join()

    assert seen != [loop]
    assert seen[0].is_closed()
    assert not loop.is_closed()


def test_a_loop_that_was_closed_is_replaced(loop: asyncio.AbstractEventLoop) -> None:
    loop.close()

    assert not boundary.event_loop().is_closed()
