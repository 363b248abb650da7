"""Functions that die in the middle of a call, for the checker: put beside them in a copy of them.

While the file that CHAOS_SWITCH names is there, an environment dies before and after a call of a
port as likely as CHAOS_DEATHS says, by chance of CHAOS_SEED, the function and how many environments
it has had. How the operating system interleaves the processes is not in the seed.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from pathlib import Path
from random import Random  # noqa: TID251 — seeded by the checker
from typing import Any

from cloudpush import wiring

_variables = os.environ  # noqa: TID251 — who runs the checker decides
_switch = Path(_variables["CHAOS_SWITCH"])
_deaths = float(_variables["CHAOS_DEATHS"])
_function = _variables["AWS_LAMBDA_FUNCTION_NAME"]


def _ordinal() -> int:
    """Count this function's environments, in a file that all of them append to."""
    counter = _switch.with_name(f"{_function}.count")
    with counter.open("ab") as file:
        file.write(b".")
        return file.tell()


_chance = Random(f"{_variables['CHAOS_SEED']} {_function} {_ordinal()}")


def _may_die() -> None:
    if _chance.random() < _deaths and _switch.exists():
        with _switch.with_name("deaths").open("ab") as file:
            file.write(b".")
        sys.stderr.flush()
        os._exit(1)


class _Mortal:
    """A port whose caller may die before and after a call."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — a method of the port
        method = getattr(self._port, name)

        @functools.wraps(method)
        def call(*args: object, **options: object) -> object:
            _may_die()
            answer = method(*args, **options)
            _may_die()
            return answer

        @functools.wraps(method)
        async def wait(*args: object, **options: object) -> object:
            _may_die()
            answer = await method(*args, **options)
            _may_die()
            return answer

        return wait if inspect.iscoroutinefunction(method) else call


def install() -> None:
    """Put the faults in front of this environment's ports."""
    wired = wiring.current()
    built: Any = wired
    for name in ("store", "inboxes", "messages", "repeats", "deliver_queue", "fan_out_queue"):
        setattr(built, name, _Mortal(getattr(wired, name)))
    built.gateway = _Mortal(wired.gateway)
    for name in ("outlet", "mailroom"):
        vars(wired).pop(name, None)
