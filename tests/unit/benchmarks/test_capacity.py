"""The model of capacity, beside what a fan-out really asks of its ports."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from benchmarks.capacity import (
    MILLION,
    Deployment,
    Prices,
    Quotas,
    Work,
    broadcast,
    even_shards,
    kept_dollars,
    message_dollars,
    record_bytes,
    record_rate,
    work,
)
from benchmarks.simulate import PAGE, blocks
from benchmarks.standing import (
    CONNECT_WRITE_UNITS,
    DISCONNECT_WRITE_UNITS,
    play_storm,
    standing,
    storm_seconds,
)
from cloudpush import fanout
from cloudpush.model import SHARDS, FanOut, shard_of
from cloudpush.pacing import Budget
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from tests.fakes.push_service import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Counting:
    """A port that counts its calls by name."""

    def __init__(self, port: object, calls: Counter[str]) -> None:
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._port, name)

        def call(*args: object, **options: object) -> object:
            self._calls[name] += 1
            if name == "read_shards":
                [places] = args
                self._calls["shard reads"] += len(cast("Sequence[object]", places))
            return method(*args, **options)

        return call


async def count_fan_out(stage: Stage) -> tuple[Work, int]:
    """Fan out to whoever is connected; return what was asked for, and how many jobs it took."""
    calls: Counter[str] = Counter()
    store: Any = Counting(stage.store, calls)
    ledger: Any = Counting(MemoryBudgetStore(), calls)
    progress: Any = Counting(stage.progress, calls)
    mailroom = replace(
        stage.mailroom,
        outlet=replace(stage.outlet, store=store),
        fan_outs=progress,
        budget=Budget(store=ledger, posts_per_second=7000),
    )
    waiting = [stage.accept_for_all()]
    jobs = 0
    while waiting:
        jobs += 1
        await stage.perform(waiting.pop(), mailroom=mailroom)
        waiting += [each for each in stage.fan_outs.jobs if isinstance(each, FanOut)]
        stage.fan_outs.sent.clear()
    done = Work(
        posts=len(stage.posted_to),
        claims=calls["claim"],
        pages=calls["read_shards"],
        shard_reads=calls["shard reads"],
        payments=calls["take"],
    )
    assert calls["save"] == done.pages
    return done, jobs


@pytest.mark.parametrize("connections", [0, 100, 1000, 12_000])
async def test_the_work_of_a_fan_out_is_what_a_real_one_does(connections: int) -> None:
    stage = Stage()
    sizes = [0] * SHARDS
    for number in range(connections):
        stage.connect(f"client{number}")
        sizes[shard_of(f"client{number}-1")] += 1

    done, jobs = await count_fan_out(stage)

    assert done == work(sizes)
    assert jobs == 1


def test_even_shards_hold_everybody() -> None:
    shards = even_shards(1000)

    assert (sum(shards), len(shards), max(shards) - min(shards)) == (1000, SHARDS, 1)


def test_at_a_rate_that_one_worker_reaches_it_takes_the_rate() -> None:
    found = broadcast(700_000, deployment=Deployment(broadcast_rate=7000))

    assert found.seconds == pytest.approx(100, rel=0.01)
    assert found.most_workers == 1
    assert found.messages_dollars == pytest.approx(0.70)


def test_without_a_limit_there_are_as_many_workers_as_may_be() -> None:
    deployment = Deployment(broadcast_rate=0, is_on_dynamodb=False)

    found = broadcast(10_000_000, deployment=deployment)

    assert found.most_workers == fanout.INVOCATIONS
    assert found.seconds > 10_000_000 / (fanout.INVOCATIONS * deployment.worker_rate)


def test_on_dynamodb_no_push_is_faster_than_its_record_can_be_written() -> None:
    most = record_rate(fanout.INVOCATIONS)

    unlimited = broadcast(10_000_000, deployment=Deployment(broadcast_rate=0))
    at_most = broadcast(10_000_000, deployment=Deployment(broadcast_rate=50_000))

    assert unlimited.seconds == pytest.approx(10_000_000 / most, rel=0.01)
    assert at_most.seconds == pytest.approx(10_000_000 / 50_000, rel=0.02)
    assert record_rate(at_most.most_workers) >= 50_000


def test_an_envelope_beyond_32_kib_is_two_messages() -> None:
    assert broadcast(1000, envelope_bytes=32 * 1024 + 1).messages_dollars == pytest.approx(0.002)


def test_what_is_kept_costs_two_messages_a_call_and_its_units() -> None:
    prices = Prices(lambda_gb_second=0.0, write_unit=1.0, read_unit=1.0, lambda_request=1.0)

    assert kept_dollars(100, prices=prices) == pytest.approx(100 * (24 + 20 + 1 + 2e-6))
    assert 0.8 < (24 * 0.625 + 20 * 0.125) / kept_dollars(1_000_000) < 0.95


def test_the_first_billion_messages_of_a_month_cost_more() -> None:
    prices = Prices()

    assert message_dollars(1.5e9, prices) == pytest.approx(1400)
    assert message_dollars(1e9, prices, before=5e8) == pytest.approx(900)


def test_heartbeats_cost_more_than_the_connections_that_send_them() -> None:
    found = standing(100_000)

    assert found.heartbeats_per_second == pytest.approx(3333, rel=0.01)
    assert found.connection_dollars == pytest.approx(1080)
    assert found.heartbeat_dollars > 10 * found.connection_dollars


def test_a_storm_beyond_the_quota_takes_as_long_as_the_quota_makes_it() -> None:
    assert storm_seconds(1_000_000, connects_per_second=500) == pytest.approx(2010)


@pytest.mark.parametrize("connections", [2_000, 5_000])
def test_a_storm_takes_what_clients_take_at_the_emulator_s_limit(connections: int) -> None:
    played = play_storm(connections, connects_per_second=100)

    assert storm_seconds(connections + 1, connects_per_second=100) == pytest.approx(played, rel=0.1)


def test_a_small_storm_is_over_when_the_last_wait_is() -> None:
    assert storm_seconds(500, connects_per_second=500) < 0.5
    assert 2 < storm_seconds(1000, connects_per_second=500) < 3
    assert 20 < storm_seconds(5000, connects_per_second=500) < 26


def test_environments_and_writes_to_ask_for_are_those_of_heartbeats_and_a_storm() -> None:
    found = standing(10_000_000)

    connects, heartbeats = 10_000_000 / 600, 10_000_000 / 30
    assert found.quota_environments == pytest.approx(0.2 * connects + 0.015 * heartbeats + 66)
    assert found.quota_write_units == pytest.approx(9 * connects + heartbeats)
    assert standing(1000).quota_environments == Quotas().environments
    assert standing(1000).quota_write_units == Quotas().table_write_units


def test_coming_again_costs_its_calls_its_records_and_its_writes() -> None:
    prices = Prices(
        lambda_request=1.0, lambda_gb_second=0.0, queue_request=1.0, write_unit=1.0, read_unit=1.0
    )

    found = standing(6450, prices=prices)  # who come again once a second

    units = CONNECT_WRITE_UNITS + DISCONNECT_WRITE_UNITS + 8
    assert found.reconnect_dollars == pytest.approx((4 + 3 + units) * 30 * 24 * 3600)


def test_the_page_names_a_source_for_each_price_and_quota() -> None:
    prices, quotas, deployment = Prices(), Quotas(), Deployment()
    sources = [
        line.split("|")
        for line in PAGE.read_text(encoding="utf-8").partition("## Sources")[2].splitlines()
        if line.startswith("| ")
    ]
    beyond = f"${prices.message_beyond_a_billion * MILLION:.2f}"
    figures = [
        f"{quotas.connects_per_second}, can be raised",
        f"{quotas.requests_per_second:,}, can be raised",
        f"{quotas.environments:,}, can be raised",
        f"{quotas.table_write_units:,} a second, can be raised",
        f"${prices.queue_request * MILLION:.2f} a million",
        f"${prices.message * MILLION:.2f} a million, {beyond} beyond a billion",
        f"${prices.connection_minute * MILLION:.2f} a million",
        f"${prices.lambda_request * MILLION:.2f} a million, ${prices.lambda_gb_second:.10f}",
        f"${prices.read_unit * MILLION:.3f} and ${prices.write_unit * MILLION:.3f} a million",
        f"{deployment.posts_per_cpu_second:,}",
    ]

    found = {figure.strip(): where.strip() for _, _, figure, where, _ in sources}

    assert [each for each in figures if not found.get(each)] == []


def test_a_push_costs_its_messages_its_workers_and_its_requests() -> None:
    prices = Prices(
        message=1.0,
        message_beyond_a_billion=1.0,
        lambda_request=1.0,
        lambda_gb_second=1.0,
        read_unit=1.0,
        write_unit=1.0,
    )

    found = broadcast(1000, deployment=Deployment(broadcast_rate=0), prices=prices)
    done = work(even_shards(1000))

    units = -(-record_bytes(found.most_workers) // 1024)
    reads = done.shard_reads + done.claims + done.payments
    writes = units * (done.claims + done.pages) + done.payments + 6
    assert found.messages_dollars == 1000
    assert found.lambda_dollars == pytest.approx(found.worker_seconds * 1.0 + found.most_workers)
    assert found.store_dollars == pytest.approx(reads + writes)


def test_the_page_has_the_tables_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert [name for name, text in blocks().items() if text not in page] == []
