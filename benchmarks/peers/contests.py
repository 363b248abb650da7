"""What is compared, in the order of the page."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from benchmarks import load
from benchmarks.peers.brokers import find_brokers
from benchmarks.peers.hosts import find_hosts
from benchmarks.peers.posting import contest_posting
from benchmarks.peers.ranking import Column, Ranking, Result, compare, compare_times
from benchmarks.servers import BenchmarkFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measurements import Effort
    from benchmarks.peers.brokers import Broker
    from benchmarks.peers.entrant import Entrant
    from benchmarks.servers import Server

    Values = dict[str, dict[str, list[float]]]

S = TypeVar("S", bound="Server")

CONNECTIONS = (1, 10, 50)
CONNECT_WORKERS = 20
HELD_CLIENTS = 1000
BROADCAST_CLIENTS = (1000, 5000)

OURS, OURS_NODE, OURS_INLINE = "ours, Python", "ours, Node", "ours, Python, `inline`"
OFFLINE, OFFLINE_NODE = "serverless-offline, Python", "serverless-offline, Node"
OFFLINE_IN_PROCESS = "serverless-offline, Node in process"
OURS_BROKER, PUSHPIN = "ours, service on gateway", "pushpin"

_TIMES = (Column("p50", "p50", "ms"), Column("p99", "p99", "ms"))
_WARM_SECONDS = 1.0
_WARM_TRIES = 3


@dataclass(frozen=True, slots=True)
class Contest:
    """One section of the page."""

    name: str
    """What `--only` and the page's markers call it."""
    title: str
    run: Callable[[Effort], Result]


def contest_reply(effort: Effort) -> Result:
    """A message, its handler, and the route response."""
    result = _contest_messages(effort, "echo")
    for ranking, clients in zip(result.rankings, CONNECTIONS, strict=True):
        for peer in (OFFLINE, OFFLINE_NODE, OFFLINE_IN_PROCESS):
            name = f"{clients} connection{'s' * (clients > 1)}, {peer}"
            if clients == 1:
                result.verdicts += compare_times(
                    ranking, f"{name}: p50 at most its", "p50", OURS, peer
                )
            else:
                result.verdicts += compare(
                    ranking, f"{name}: twice its messages a second", "per_second", OURS, peer, 2
                )
            result.verdicts += compare_times(ranking, f"{name}: p99 no worse", "p99", OURS, peer)
    return result


def contest_back(effort: Effort) -> Result:
    """A message, its handler, and a post to its sender by the management API."""
    result = _contest_messages(effort, "back")
    for ranking, clients in zip(result.rankings, CONNECTIONS, strict=True):
        for peer in (OFFLINE, OFFLINE_NODE, OFFLINE_IN_PROCESS):
            name = f"{clients} connection{'s' * (clients > 1)}, {peer}"
            result.verdicts += compare_times(ranking, f"{name}: p50 at most its", "p50", OURS, peer)
            result.verdicts += compare(
                ranking, f"{name}: as many a second", "per_second", OURS, peer, 1
            )
    return result


def _contest_messages(effort: Effort, action: str) -> Result:
    text = f'{{"action":"{action}","text":"{"x" * 37}"}}'
    values: dict[int, Values] = {clients: {} for clients in CONNECTIONS}

    def echo(server: Server, clients: int, seconds: float, warmup: float) -> load.Measured:
        return load.run(
            load.Echo(
                url=server.url,
                pid=server.pid,
                clients=clients,
                text=text,
                seconds=seconds,
                warmup_seconds=warmup,
            )
        )

    def warm(server: Server) -> None:
        for clients in CONNECTIONS:
            echo(server, clients, 0.5, 0.0 if effort.is_quick else _WARM_SECONDS)

    def measure(server: Server, name: str) -> None:
        for clients in CONNECTIONS:
            measured = echo(server, clients, effort.seconds / 6, 0.3)
            _add(values[clients], name, measured)

    entrants = find_hosts()
    failures = _in_turn(effort, entrants, warm, measure)
    columns = (*_TIMES, Column("per_second", "messages/s"))
    rankings = [
        Ranking(f"{clients} connection{'s' * (clients > 1)}", columns, values[clients])
        for clients in CONNECTIONS
    ]
    return _result(rankings, entrants, failures)


def contest_connect(effort: Effort) -> Result:
    """Connections with `$connect` and `$disconnect`."""
    values: Values = {}

    def connect(server: Server, seconds: float, warmup: float) -> load.Measured:
        return load.run(
            load.Connect(
                url=server.url,
                pid=server.pid,
                workers=CONNECT_WORKERS,
                seconds=seconds,
                warmup_seconds=warmup,
            )
        )

    def warm(server: Server) -> None:
        connect(server, 1.0, 0.0 if effort.is_quick else _WARM_SECONDS)

    def measure(server: Server, name: str) -> None:
        _add(values, name, connect(server, effort.seconds / 2, 0.5))

    entrants = find_hosts()
    failures = _in_turn(effort, entrants, warm, measure)
    columns = (*_TIMES, Column("per_second", "connects/s"))
    ranking = Ranking(f"{CONNECT_WORKERS} clients that open and close", columns, values)
    result = _result([ranking], entrants, failures)
    for peer in (OFFLINE, OFFLINE_NODE, OFFLINE_IN_PROCESS):
        result.verdicts += compare(
            ranking, f"{peer}: as many connects a second", "per_second", OURS, peer, 1
        )
    return result


def contest_memory(effort: Effort) -> Result:
    """Memory of a server with all its processes, and of a connection; a fresh one each round."""
    values: Values = {}
    entrants = find_hosts()
    for _ in range(effort.rounds):
        for entrant in entrants:
            if not entrant.absence:
                with entrant.running() as server:
                    hold = load.Hold(
                        url=server.url,
                        pid=server.pid,
                        clients=HELD_CLIENTS // 10 if effort.is_quick else HELD_CLIENTS,
                        warmup_clients=100,
                        is_family=True,
                    )
                    measured = load.run(hold)
                    grown = measured["kib"] * hold.clients / 1024
                    measured["full_mib"] = measured["base_mib"] + grown
                    _add(values, entrant.name, measured)
    columns = (
        Column("base_mib", "100 connections", "MiB"),
        Column("full_mib", f"{100 + HELD_CLIENTS:,} connections", "MiB"),
    )
    return _result([Ranking("Proportional set size", columns, values)], entrants, [])


def contest_publish(effort: Effort) -> Result:
    """A request to publish, until the one client has it."""
    values: Values = {}

    def publish(broker: Broker, seconds: float) -> load.Measured:
        return load.run(
            load.Push(url=broker.url, publishing=broker.to_one, seconds=seconds, warmup_seconds=0.5)
        )

    entrants = find_brokers()
    failures = _in_turn(
        effort,
        entrants,
        lambda broker: publish(broker, 0.5),
        lambda broker, name: _add(values, name, publish(broker, effort.seconds / 2)),
    )
    columns = (*_TIMES, Column("per_second", "one after the other, a second"))
    return _result([Ranking("One publication to one client", columns, values)], entrants, failures)


def contest_broadcast(effort: Effort) -> Result:
    """A request to publish, until the last of many clients has it."""
    values: dict[int, Values] = {clients: {} for clients in BROADCAST_CLIENTS}

    def broadcast(broker: Broker, clients: int, rounds: int) -> load.Measured:
        return load.run(
            load.Broadcast(url=broker.url, publishing=broker.to_all, clients=clients, rounds=rounds)
        )

    entrants, failures = find_brokers(), list[str]()
    for clients in BROADCAST_CLIENTS:

        def measure(broker: Broker, name: str, clients: int = clients) -> None:
            measured = broadcast(broker, clients, 1 if effort.is_quick else 3)
            measured["per_second"] = clients / measured["last"] * 1e3
            _add(values[clients], name, measured)

        failures += _in_turn(effort, entrants, lambda broker: broadcast(broker, 100, 1), measure)
    columns = (
        Column("first", "first", "ms"),
        Column("last", "last", "ms"),
        Column("per_second", "deliveries/s"),
    )
    rankings = [
        Ranking(f"{clients:,} clients", columns, values[clients]) for clients in BROADCAST_CLIENTS
    ]
    result = _result(rankings, entrants, failures)
    for aim, times in (("pushpin's rate", 1), ("twice pushpin's rate", 2)):
        result.verdicts += compare(
            rankings[-1], f"5,000 clients: {aim}", "per_second", OURS_BROKER, PUSHPIN, times
        )
    return result


def _in_turn(
    effort: Effort,
    entrants: Sequence[Entrant[S]],
    warm: Callable[[S], object],
    measure: Callable[[S, str], None],
) -> list[str]:
    """Start all, warm each, and measure one after the other, round by round.

    Returns which peers failed, when and at what: they are measured no further.
    """
    failures: dict[str, str] = {}
    with ExitStack() as stack:
        servers: dict[str, S] = {}
        for entrant in entrants:
            if not entrant.absence:
                servers[entrant.name] = server = stack.enter_context(entrant.running())
                for _ in range(_WARM_TRIES):
                    with suppress(BenchmarkFailed):
                        warm(server)
                        break
        for number in range(1, effort.rounds + 1):
            for name, server in servers.items():
                if name in failures:
                    continue
                try:
                    effort.quiet.take(lambda s=server, n=name: measure(s, n))
                except BenchmarkFailed as failure:
                    if name.startswith("ours"):
                        raise
                    said = str(failure).strip().splitlines()[-1]
                    failures[name] = f"in round {number} of {effort.rounds}: {said}"
    return [f"{name}, {what}" for name, what in failures.items()]


def _add(values: Values, name: str, measured: load.Measured) -> None:
    row = values.setdefault(name, {})
    for key, value in measured.items():
        row.setdefault(key, []).append(value)


def _result(rankings: list[Ranking], entrants: Sequence[Entrant[S]], failures: list[str]) -> Result:
    packages = {
        f"{each.name.partition(',')[0]} {each.version}" for each in entrants if each.version
    }
    skipped = [f"{each.name}, {each.absence}" for each in entrants if each.absence]
    return Result(rankings, versions=sorted(packages), skipped=skipped, failures=failures)


CONTESTS = (
    Contest("reply", "Message to handler and back", contest_reply),
    Contest("back", "Handler posts back", contest_back),
    Contest("connect", "Connects", contest_connect),
    Contest("memory", "Memory", contest_memory),
    Contest("publish", "Publish to one", contest_publish),
    Contest("broadcast", "Publish to all", contest_broadcast),
    Contest("posting", "Posting to connections", contest_posting),
)
