"""The same gateway for tests without an event loop, and the plugin's fixtures."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from local_gateway.errors import TemplateError
from local_gateway.testing import (
    BlockingClient,
    BlockingGateway,
    Client,
    Gateway,
    serve,
)

ROOM = "tests/fakes/room/template.yaml"


@pytest.mark.gateway(ROOM)
def test_a_plain_test_drives_a_gateway(blocking_gateway: BlockingGateway) -> None:
    client = blocking_gateway.connect()

    client.send({"action": "echo", "text": "hi"})

    assert client.expect("hi") == "hi"
    blocking_gateway.advance(minutes=10)
    assert client.expect_close(1001) == (1001, "Going away")
    (left,) = blocking_gateway.invocations("$disconnect")
    assert left.event["requestContext"]["disconnectStatusCode"] == 1001


@pytest.mark.gateway(ROOM)
async def test_an_async_test_drives_one(gateway: Gateway) -> None:
    client = await gateway.connect()

    await client.send({"action": "echo", "text": "hi"})

    assert await client.expect("hi") == "hi"


@pytest.mark.gateway(ROOM)
def test_a_failure_points_at_the_line_of_the_test(blocking_gateway: BlockingGateway) -> None:
    client = blocking_gateway.connect()

    with pytest.raises(AssertionError, match="no message like 'never'") as failed:
        client.expect("never", within=0)

    shown = failed.traceback.filter(failed)
    assert [entry.path for entry in shown] == [Path(__file__)]


def test_a_template_that_is_wrong_points_there_too() -> None:
    with (
        pytest.raises(TemplateError, match="can't be read") as failed,
        serve("nowhere.yaml"),
    ):
        pass

    shown = failed.traceback.filter(failed)
    assert [entry.path for entry in shown] == [Path(__file__)]


def test_variables_for_a_function_that_is_not_there_are_told() -> None:
    with serve(ROOM, environment={"Roam": {"A": "b"}, "Parameters": {"A": "b"}}) as gateway:
        told = gateway.log

    assert told == ("environment variables for Roam: the template has no such function",)


@pytest.mark.parametrize(
    ("of_async", "of_plain"), [(Gateway, BlockingGateway), (Client, BlockingClient)]
)
def test_both_faces_have_the_same_methods(of_async: type, of_plain: type) -> None:
    def methods(of: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in inspect.getmembers(of, inspect.isfunction)
        }

    assert methods(of_async) == methods(of_plain)
