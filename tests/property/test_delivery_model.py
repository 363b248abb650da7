"""No accepted message is lost: any order of what clients, senders, functions and networks do.

A failing run is replayed by Hypothesis, from the example that it prints.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.fakes.world import World

CLIENTS = st.sampled_from(["alice", "bob", "carol"])
RATES = st.sampled_from([0.0, 0.05, 0.3])


class Deliveries(RuleBasedStateMachine):
    world: World

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.world = World(seed)

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

    @rule(ms=st.sampled_from([1, 1000, 3000, 16_000, 60_000, 3_600_000, -500]))
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


TestDeliveries = Deliveries.TestCase
TestDeliveries.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestDeliveries.pytestmark = [pytest.mark.timeout(300)]  # pyright: ignore[reportAttributeAccessIssue] — pytest's
