"""Loads of publications: to one client, to all, and to one beside those to all."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from benchmarks.load.clients import (
    ANSWER_SECONDS,
    SETTLE_SECONDS,
    Client,
    address_of,
    check_open,
    now,
    open_clients,
    open_named_clients,
)
from benchmarks.load.http_client import Http
from benchmarks.load.window import quantiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picows import WSFrame

    from benchmarks.load import Broadcast, Measured, Publishing, Push, Singles

_NUMBER: Final = re.compile(rb'"number":(\d+)')
_FIRST_SINGLE: Final = 1_000_000_000
"""Publications to one client have numbers from here on, those to all from 1."""


class Publisher:
    """Publishes as it is told."""

    def __init__(self, publishing: Publishing) -> None:
        """Take what to ask for, and where."""
        self._http = Http(address_of(publishing.url))
        self._path = urlsplit(publishing.url).path
        self._body = publishing.body

    async def publish(self, number: int) -> None:
        """Publish, and wait for the answer, which must be of success."""
        data = self._body.replace("NUMBER", str(number)).encode()
        await self._http.ask("POST", self._path, data)


class Inbox:
    """Counts who has the push with the current number."""

    def __init__(self, clients: Sequence[Client]) -> None:
        """Listen to the clients."""
        self._wanted = len(clients)
        self._number = -1
        self._all = asyncio.Event()
        self.arrivals: list[float] = []
        for client in clients:
            client.on_text = self._take

    def expect(self, number: int) -> None:
        """Forget what was, and count this number."""
        self._number = number
        self.arrivals = []
        self._all.clear()

    async def wait(self) -> None:
        """Wait until everybody has it."""
        try:
            await asyncio.wait_for(self._all.wait(), ANSWER_SECONDS)
        except TimeoutError:
            text = f"{len(self.arrivals)} of {self._wanted} got push {self._number} in time"
            raise ConnectionError(text) from None

    def _take(self, client: Client, frame: WSFrame) -> None:
        del client
        t = now()
        found = _NUMBER.search(frame.get_payload_as_bytes())
        if found is not None and int(found[1]) == self._number:
            self.arrivals.append(t)
            if len(self.arrivals) == self._wanted:
                self._all.set()


async def open_subscribers(load: Push | Broadcast, count: int) -> list[Client]:
    """Open clients to whom a publication goes."""
    if load.publishing.is_named:
        return await open_named_clients(load.url, count)
    clients = await open_clients([load.url] * count)
    await asyncio.sleep(SETTLE_SECONDS)  # nothing tells that a subscription has come about
    return clients


async def push(load: Push) -> Measured:
    """Run `Push`."""
    clients = await open_subscribers(load, 1)
    inbox, publisher = Inbox(clients), Publisher(load.publishing)
    latencies: list[float] = []
    answers: list[float] = []
    counts_from = now() + load.warmup_seconds
    ends = counts_from + load.seconds
    number = 0
    while (started := now()) < ends:
        number += 1
        inbox.expect(number)
        await publisher.publish(number)
        answered = now()
        await inbox.wait()
        if started >= counts_from:
            latencies.append(inbox.arrivals[0] - started)
            answers.append(answered - started)
    check_open(clients)
    measured = quantiles(latencies)
    return {
        **measured,
        "answer_p50": quantiles(answers)["p50"],
        "per_second": len(latencies) / load.seconds,
    }


async def broadcast(load: Broadcast) -> Measured:
    """Run `Broadcast`."""
    clients = await open_subscribers(load, load.clients)
    inbox, publisher = Inbox(clients), Publisher(load.publishing)
    rounds: dict[str, list[float]] = {"first": [], "median": [], "last": []}
    for number in range(load.rounds + 1):
        inbox.expect(number)
        started = now()
        await publisher.publish(number)
        await inbox.wait()
        if number:
            took = [arrival - started for arrival in inbox.arrivals]
            rounds["first"].append(took[0] * 1e3)
            rounds["median"].append(took[len(took) // 2] * 1e3)
            rounds["last"].append(took[-1] * 1e3)
    check_open(clients)
    return {name: sorted(values)[len(values) // 2] for name, values in rounds.items()}


class _Arrivals:
    """When each push to one client came, and how many of the others did."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.at: dict[int, float] = {}
        self.others = 0
        self._missing = 0
        self._all = asyncio.Event()
        self._wanted = len(clients)
        for client in clients:
            client.on_text = self._take

    def expect(self) -> None:
        """Begin a publication to all."""
        self._missing = self._wanted
        self._all.clear()

    async def wait(self) -> None:
        """Wait until it has arrived everywhere."""
        await asyncio.wait_for(self._all.wait(), ANSWER_SECONDS)

    def _take(self, client: Client, frame: WSFrame) -> None:
        del client
        t = now()
        found = _NUMBER.search(frame.get_payload_as_bytes())
        if found is None:
            return
        number = int(found[1])
        if number >= _FIRST_SINGLE:
            self.at[number - _FIRST_SINGLE] = t
            return
        self.others += 1
        self._missing -= 1
        if not self._missing:
            self._all.set()


async def singles(load: Singles) -> Measured:
    """Run `Singles`."""
    clients = await open_named_clients(load.url, load.clients)
    arrivals = _Arrivals(clients)
    free: list[Publisher] = []

    async def push_one(number: int) -> None:
        publisher = free.pop() if free else Publisher(load.to_one)
        await publisher.publish(_FIRST_SINGLE + number)
        free.append(publisher)

    async def push_to_all(publishing: Publishing) -> None:
        publisher = Publisher(publishing)
        for number in itertools.count(1):
            arrivals.expect()
            await publisher.publish(number)
            await arrivals.wait()

    count = round((load.warmup_seconds + load.seconds) * load.per_second)
    first = round(load.warmup_seconds * load.per_second)
    beside = asyncio.ensure_future(push_to_all(load.to_all)) if load.to_all else None
    started = now()
    due = [started + number / load.per_second for number in range(count)]
    others_before = 0
    async with asyncio.TaskGroup() as group:
        for number, at in enumerate(due):
            await asyncio.sleep(max(0.0, at - now()))
            if number == first:
                others_before = arrivals.others
            group.create_task(push_one(number))
    seconds = now() - due[first]
    others = arrivals.others - others_before
    if beside is not None:
        if beside.done():
            beside.result()
        await arrivals.wait()
        beside.cancel()
    await asyncio.sleep(SETTLE_SECONDS)
    lost = count - len(arrivals.at)
    if lost:
        raise ConnectionError(f"{lost} of {count} pushes did not arrive")
    check_open(clients)
    measured = quantiles([arrivals.at[each] - due[each] for each in range(first, count)])
    return {**measured, "all_per_second": others / seconds}
