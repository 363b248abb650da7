"""`make chaos`: the long profile of the checker. Exit code 1 if it found anything."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.chaos.checker import RATES, Profile, run

LONG_RATES = {**RATES, "death": RATES["death"] / 10}
"""A function that died is started anew, which at the short profile's rate is most of the work."""


def main() -> int:
    """Run the checker as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--senders", type=int, default=16)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)  # noqa: T201 — what a command line prints
    outcome = asyncio.run(run(Profile(rates=LONG_RATES, **vars(wanted))))
    print(outcome)  # noqa: T201 — the same
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    sys.exit(main())
