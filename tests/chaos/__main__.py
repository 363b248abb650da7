"""`make chaos`: the long profile of the checker.

Exit code 1 if it found anything, or if one of the faults never happened.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any, get_args

import uvloop

from tests.chaos.checker import run
from tests.chaos.profile import Backing, Profile

DEATHS = 0.0001
"""A function that died is started anew, which at the short profile's rate is most of the work."""

LONG: dict[str, dict[str, Any]] = {
    "valkey": {"messages": 8_000, "lists": (1, 1, 2, 5, 20, 50), "restarts": 3},
    "moto": {"messages": 1_500, "lists": (1, 1, 1, 2, 5), "restarts": 0, "senders": 2},
    "dynamodb-local": {"messages": 5_000, "lists": (1, 2, 5, 12), "restarts": 0},
}
"""What each store carries in half an hour: 100,000 copies, 3,000 and 20,000.

moto answers one request at a time, so that of many pushes at once most would get no answer in time.
"""


def main() -> int:
    """Run the checker as the command line says, once for each seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--store", choices=get_args(Backing), default="valkey")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--messages", type=int, help="of each seed")
    parser.add_argument("--senders", type=int, help="who push side by side")
    parser.add_argument("--stride", type=int, default=20, help="messages that go in together")
    parser.add_argument("--lists", type=int, nargs="+", help="how many targets a message may have")
    parser.add_argument("--wide", type=float, default=0.002, help="likelihood of a fan-out")
    parser.add_argument("--restarts", type=int, help="of the store, if it has a disk")
    parser.add_argument("--deaths", type=float, default=DEATHS)
    parser.add_argument("--job-seconds", type=int, default=30, help="before a job comes again")
    parser.add_argument("--sweep-seconds", type=float, default=30.0)
    parser.add_argument("--rest-seconds", type=float, default=300.0)
    parser.add_argument("--log", type=Path, help="where the gateway's complaints go")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after another")
    wanted = {name: each for name, each in vars(parser.parse_args()).items() if each is not None}
    first, count = wanted.pop("seed"), wanted.pop("seeds")
    is_sound = True
    for seed in range(first, first + count):
        print(f"seed {seed}", flush=True)  # noqa: T201 — what a command line prints
        profile = Profile(seed=seed, **{**LONG[wanted["store"]], **wanted})
        outcome = uvloop.run(run(profile))
        found = {**dataclasses.asdict(outcome), "missed": outcome.missed}
        print(json.dumps(found, indent=1), flush=True)  # noqa: T201 — the same
        is_sound = is_sound and not outcome.violations and not outcome.missed
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
