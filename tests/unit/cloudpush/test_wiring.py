from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush import wiring
from cloudpush.errors import ConfigurationWrong
from cloudpush.management import HttpManagementApi
from cloudpush.queues.sqs import SqsJobQueue
from cloudpush.settings import Settings
from cloudpush.stores.dynamodb import DynamoDbConnectionStore
from cloudpush.stores.redis import RedisConnectionStore
from cloudpush.wiring import Wiring

if TYPE_CHECKING:
    from collections.abc import Iterator

WHOLE = Settings(
    table_name="connections",
    redis_url="redis://127.0.0.1:1/0",
    deliver_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/deliver",
    fan_out_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/fan-out",
    management_url="http://127.0.0.1:1/dev",
)


@pytest.fixture(autouse=True)
def nothing_installed() -> Iterator[None]:
    wiring.install(None)
    yield
    wiring.install(None)


@pytest.fixture
def wired() -> Wiring:
    return Wiring(WHOLE)


def test_adapters_are_built_without_talking_to_anyone(wired: Wiring) -> None:
    assert isinstance(wired.store, DynamoDbConnectionStore)
    assert isinstance(wired.deliver_queue, SqsJobQueue)
    assert isinstance(wired.fan_out_queue, SqsJobQueue)
    assert isinstance(wired.gateway, HttpManagementApi)
    assert (wired.outlet.store, wired.outlet.jobs) == (wired.store, wired.deliver_queue)


def test_each_is_built_once(wired: Wiring) -> None:
    assert wired.store is wired.store
    assert wired.deliver_queue is wired.deliver_queue
    assert wired.gateway is wired.outlet.gateway


def test_the_store_is_the_one_that_the_settings_name() -> None:
    store = Wiring(Settings(store="redis", redis_url="redis://127.0.0.1:1/0")).store

    assert isinstance(store, RedisConnectionStore)
    store.close()


@pytest.mark.parametrize(
    ("settings", "adapter", "variable"),
    [
        (Settings(), "store", "TABLE_NAME"),
        (Settings(store="redis"), "store", "REDIS_URL"),
        (Settings(), "deliver_queue", "DELIVER_QUEUE_URL"),
        (Settings(), "fan_out_queue", "FAN_OUT_QUEUE_URL"),
        (Settings(), "gateway", "MANAGEMENT_URL"),
    ],
)
def test_what_is_not_set_is_named_by_whom_it_is_asked_for(
    settings: Settings, adapter: str, variable: str
) -> None:
    with pytest.raises(ConfigurationWrong, match=f"{variable} is not set"):
        getattr(Wiring(settings), adapter)


def test_the_environments_wiring_is_made_from_its_settings_and_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TABLE_NAME", "connections")

    first = wiring.current()

    assert first.settings.table_name == "connections"
    assert wiring.current() is first


def test_what_a_host_installs_is_used(wired: Wiring) -> None:
    wiring.install(wired)

    assert wiring.current() is wired


class Vault:
    """A client of Secrets Manager with one secret."""

    def get_secret_value(self, **named: str) -> dict[str, str]:
        assert named == {"SecretId": REDIS_SECRET}
        return {"VersionId": "1", "SecretString": "redis://:pass@127.0.0.1:1/0\n"}


REDIS_SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:redis-AbCdEf"


def test_the_url_of_redis_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def client(_: Wiring, service: str) -> Vault:
        asked.append(service)
        return Vault()

    monkeypatch.setattr(Wiring, "_client", client)
    store = Wiring(Settings(store="redis", redis_url=REDIS_SECRET)).store

    assert isinstance(store, RedisConnectionStore)
    assert asked == ["secretsmanager"]
    store.close()
