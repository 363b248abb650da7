"""Faults at the ports of a function, for the checker: put beside the functions in a copy of them.

While the file that CHAOS_SWITCH names is there, calls of ports fail as CHAOS_RATES says, by chance
of CHAOS_SEED, the function and how many environments it has had. How the operating system
interleaves the processes is not in the seed.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from random import Random  # noqa: TID251 — seeded by the checker
from typing import Any

from cloudpush import wiring
from cloudpush.errors import StoreUnavailable
from cloudpush.ports import Outcome

_variables = os.environ  # noqa: TID251 — who runs the checker decides
_switch = Path(_variables["CHAOS_SWITCH"])
_rates: dict[str, float] = json.loads(_variables["CHAOS_RATES"])
_function = _variables["AWS_LAMBDA_FUNCTION_NAME"]


def _ordinal() -> int:
    """Count this function's environments, in a file that all of them append to."""
    counter = _switch.with_name(f"{_function}.count")
    with counter.open("ab") as file:
        file.write(b".")
        return file.tell()


_chance = Random(f"{_variables['CHAOS_SEED']} {_function} {_ordinal()}")


def _happens(fault: str) -> bool:
    return _switch.exists() and _chance.random() < _rates.get(fault, 0.0)


def _may_die() -> None:
    if _happens("death"):
        sys.stderr.flush()
        os._exit(1)


class _Store:
    """A store whose caller may die before and after a call, and that may not answer."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — a method of the port
        method = getattr(self._port, name)

        def call(*args: object, **options: object) -> object:
            _may_die()
            if _happens("store"):
                raise StoreUnavailable("told so by the checker, before the call")
            answer = method(*args, **options)
            if _happens("store"):
                raise StoreUnavailable("told so by the checker, after the call")
            _may_die()
            return answer

        return call


class _Queue:
    """A queue that delivers some jobs twice, and none in order."""

    def __init__(self, port: Any) -> None:  # noqa: ANN401 — a queue
        self._port = port

    def send(self, jobs: list[Any], *, delay_seconds: int = 0) -> None:
        _may_die()
        sent = [*jobs, *(job for job in jobs if _happens("duplicate"))]
        _chance.shuffle(sent)
        self._port.send(sent, delay_seconds=delay_seconds)
        _may_die()


class _Gateway:
    """`@connections` that answers 410 and 429 at times, and loses frames."""

    def __init__(self, port: Any) -> None:  # noqa: ANN401 — a management API
        self._port = port

    async def post_to_connections(
        self, posts: list[Any], *, deadline_seconds: float = 10.0
    ) -> list[Outcome]:
        _may_die()
        answers: dict[int, Outcome] = {}
        for index in range(len(posts)):
            for fault, outcome in (
                ("lost", Outcome.SENT),
                ("gone", Outcome.GONE),
                ("throttled", Outcome.THROTTLED),
            ):
                if _happens(fault):
                    answers[index] = outcome
                    break
        rest = [post for index, post in enumerate(posts) if index not in answers]
        real = iter(await self._port.post_to_connections(rest, deadline_seconds=deadline_seconds))
        _may_die()
        return [answers.get(index) or next(real) for index in range(len(posts))]

    async def delete_connection(self, connection_id: str) -> Outcome:
        return await self._port.delete_connection(connection_id)


def install() -> None:
    """Put the faults in front of this environment's ports."""
    wired = wiring.current()
    built: Any = wired
    built.store = _Store(wired.store)
    built.inboxes = _Store(wired.inboxes)
    built.messages = _Store(wired.messages)
    built.deliver_queue = _Queue(wired.deliver_queue)
    built.fan_out_queue = _Queue(wired.fan_out_queue)
    built.gateway = _Gateway(wired.gateway)
    for name in ("outlet", "mailroom"):
        vars(wired).pop(name, None)
