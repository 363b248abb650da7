"""No accepted message is lost: any order of what clients, senders, functions and networks do.

A failing run is replayed by Hypothesis, from the example that it prints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloudpush.model import Policy
from tests.contract.connection_stores import empty_memory, moto_dynamodb, valkey
from tests.contract.kept_stores import kept_beside
from tests.fakes.world import World

if TYPE_CHECKING:
    from tests.contract.connection_stores import Empty

CLIENTS = st.sampled_from(["alice", "bob", "carol"])
RATES = st.sampled_from([0.0, 0.05, 0.3])


class Deliveries(RuleBasedStateMachine):
    """What may happen, in any order; whoever runs it says on which stores."""

    world: World
    has_time: bool
    """Whether it may publish to all, which goes through 256 shards."""

    def make(self, seed: int, policy: Policy) -> World:
        raise NotImplementedError

    @initialize(seed=st.integers(0, 2**32), policy=st.sampled_from(Policy))
    def begin(self, seed: int, policy: Policy) -> None:
        self.world = self.make(seed, policy)
        self.scheduled: list[str] = []

    @rule(client=CLIENTS, says_where=st.booleans(), batch=st.booleans())
    def connect(self, client: str, *, says_where: bool, batch: bool) -> None:
        self.world.connect(client, says_where=says_where, batch=batch)

    @rule(client=CLIENTS, says_so=st.booleans())
    def disconnect(self, client: str, *, says_so: bool) -> None:
        self.world.disconnect(client, says_so=says_so)

    @rule(clients=st.lists(CLIENTS, min_size=1, unique=True), count=st.integers(1, 5))
    def publish(self, clients: list[str], count: int) -> None:
        for _ in range(count):
            self.world.publish(clients)

    @rule(client=CLIENTS, ttl_ms=st.sampled_from([1000, 5000, 60_000]))
    def publish_for_a_short_time(self, client: str, ttl_ms: int) -> None:
        self.world.publish([client], ttl_ms=ttl_ms)

    @rule(client=CLIENTS, after_ms=st.sampled_from([1000, 60_000, 300_000]))
    def publish_for_later(self, client: str, after_ms: int) -> None:
        self.scheduled.append(self.world.publish([client], after_ms=after_ms))

    @rule()
    def cancel(self) -> None:
        for message_id in self.scheduled[-1:]:
            self.world.cancel(message_id)

    @rule(client=CLIENTS, to=st.lists(CLIENTS, min_size=1, unique=True))
    def send(self, client: str, to: list[str]) -> None:
        self.world.send(client, to)

    @rule(client=CLIENTS)
    def give_a_sign_of_life(self, client: str) -> None:
        self.world.say(client, msgType=3)

    @precondition(lambda self: self.has_time)
    @rule()
    def publish_to_all(self) -> None:
        self.world.publish(None)

    @rule(client=CLIENTS, beyond=st.sampled_from([0, 0, 0, -1]))
    def acknowledge(self, client: str, beyond: int) -> None:
        self.world.acknowledge(client, beyond=beyond)

    @rule(client=CLIENTS)
    def acknowledge_one(self, client: str) -> None:
        for _, _, message_id in self.world.client(client).taken[-1:]:
            self.world.say(client, msgType=2, messageId=message_id)

    @rule(client=CLIENTS)
    def resume(self, client: str) -> None:
        known = self.world.client(client)
        self.world.say(client, msgType=13, epoch=known.epoch, seq=known.seq)

    @rule(limit=st.integers(1, 20))
    def work(self, limit: int) -> None:
        self.world.work(limit)

    @rule()
    def sweep(self) -> None:
        self.world.sweep()

    @rule(ms=st.sampled_from([1, 1000, 3000, 16_000, 60_000, 3_600_000, -500, -5000]))
    def let_time_pass(self, ms: int) -> None:
        self.world.now_ms += ms

    @rule(rate=st.sampled_from([0.0, 0.01, 0.1]))
    def let_functions_die(self, rate: float) -> None:
        self.world.dies_at = rate

    @rule(lost=RATES, gone=RATES, throttled=RATES)
    def let_posts_fail(self, lost: float, gone: float, throttled: float) -> None:
        self.world.network.faults = {"lost": lost, "gone": gone, "throttled": throttled}

    @rule(rate=RATES)
    def let_the_receiver_fail(self, rate: float) -> None:
        self.world.receiver.fails_at = rate

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle_down()
            self.world.check()


def hold(
    make: Empty, *, examples: int, steps: int, is_random: bool = False, has_time: bool = True
) -> None:
    """Run the machine on stores that are new and empty for each example.

    From a fixed seed, unless `is_random`: then a failure says how to meet it again.
    With `has_time` it publishes to all as well.
    """

    class TheseDeliveries(Deliveries):
        def make(self, seed: int, policy: Policy) -> World:
            harness = make()
            kept = kept_beside(harness)
            return World(
                seed,
                store=harness.store,
                inboxes=kept.inboxes,
                messages=kept.messages,
                fan_outs=kept.fan_outs,
                policy=policy,
            )

    TheseDeliveries.has_time = has_time
    run_state_machine_as_test(  # pyright: ignore[reportUnknownMemberType] — untyped in hypothesis
        TheseDeliveries,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=not is_random,
            database=None,
            print_blob=True,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


@pytest.mark.timeout(300)
def test_no_message_is_lost() -> None:
    hold(empty_memory, examples=10, steps=40)


@pytest.mark.valkey
@pytest.mark.timeout(300)
def test_no_message_is_lost_on_valkey(valkey_port: int) -> None:
    with valkey(valkey_port) as empty:
        hold(empty, examples=3, steps=15, has_time=False)


@pytest.mark.timeout(300)
def test_no_message_is_lost_on_moto() -> None:
    with moto_dynamodb() as empty:
        hold(empty, examples=1, steps=12, has_time=False)


LONG = (pytest.mark.optional, pytest.mark.timeout(7200))
"""`make machines`: from another seed each time."""


@pytest.mark.parametrize("examples", [pytest.param(1000, marks=LONG)])
def test_no_message_is_lost_for_long(examples: int) -> None:
    hold(empty_memory, examples=examples, steps=60, is_random=True)


@pytest.mark.valkey
@pytest.mark.parametrize("examples", [pytest.param(150, marks=LONG)])
def test_no_message_is_lost_on_valkey_for_long(valkey_port: int, examples: int) -> None:
    with valkey(valkey_port) as empty:
        hold(empty, examples=examples, steps=60, is_random=True)


@pytest.mark.parametrize("examples", [pytest.param(30, marks=LONG)])
def test_no_message_is_lost_on_moto_for_long(examples: int) -> None:
    with moto_dynamodb() as empty:
        hold(empty, examples=examples, steps=30, is_random=True)
