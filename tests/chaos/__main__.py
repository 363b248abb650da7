"""`make chaos`: the long profile of the checker. Exit code 1 if it found anything."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from typing import get_args

from tests.chaos.checker import run
from tests.chaos.profile import Backing, Profile

DEATHS = 0.0001
"""A function that died is started anew, which at the short profile's rate is most of the work."""


def main() -> int:
    """Run the checker as the command line says, once for each seed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--store", choices=get_args(Backing), default="valkey")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--messages", type=int, default=10_000, help="of each seed")
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--deaths", type=float, default=DEATHS)
    parser.add_argument("--sweep-seconds", type=float, default=10.0)
    parser.add_argument("--rest-seconds", type=float, default=150.0)
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--seeds", type=int, default=10, help="how many, one after another")
    wanted = vars(parser.parse_args())
    first, count = wanted.pop("seed"), wanted.pop("seeds")
    is_sound = True
    for seed in range(first, first + count):
        print(f"seed {seed}", flush=True)  # noqa: T201 — what a command line prints
        outcome = asyncio.run(run(Profile(seed=seed, **wanted)))
        print(json.dumps(dataclasses.asdict(outcome), indent=1), flush=True)  # noqa: T201 — the same
        is_sound = is_sound and not outcome.violations
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
