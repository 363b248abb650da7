"""`python -m benchmarks.peers`: measure ours beside its peers, print, and write the page.

    make bench-peers                                 everything, 5 rounds, and the page
    make bench-peers ARGS='--only reply broadcast'   just these sections of the page
    make bench-peers ARGS='--repeat 3'               fewer rounds, printed
    make bench-peers ARGS=--quick                    does it run

A section holds the figures of one run, all of its servers in turn. So sections may be measured one
by one; fewer rounds than five are printed and not written. It exits with 0 whatever the figures
are, with 1 if something could not be measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import machine
from benchmarks.commands import end_like_ctrl_c, write_json
from benchmarks.machine import Quiet
from benchmarks.measurements import Effort
from benchmarks.page import PEERS_PAGE, write_page
from benchmarks.peers.contests import CONTESTS
from benchmarks.servers import ROOT, BenchmarkFailed

if TYPE_CHECKING:
    from benchmarks.peers.contests import Contest
    from benchmarks.peers.ranking import Result

LEAST_ROUNDS = 5


def main() -> None:
    """Run what the command line asks for."""
    end_like_ctrl_c()
    arguments = _parse()
    rounds = 1 if arguments.quick else arguments.repeat
    chosen = [each for each in CONTESTS if not arguments.only or each.name in arguments.only]
    print(machine.describe(), flush=True)
    results: dict[str, Result] = {}
    failed = False
    for contest in chosen:
        effort = Effort(rounds, arguments.quick, Quiet(arguments.patience))
        try:
            results[contest.name] = result = contest.run(effort)
        except (BenchmarkFailed, subprocess.CalledProcessError) as failure:
            failed = True
            print(f"{contest.name} failed: {failure}", file=sys.stderr, flush=True)
            continue
        block = f"{result.write()}\n\n{_about(contest, effort)}"
        print(f"\n## {contest.title}\n\n{block}", flush=True)
        if rounds >= LEAST_ROUNDS:
            write_page(PEERS_PAGE, {contest.name: block})
            print(f"\nwritten: {PEERS_PAGE.relative_to(ROOT)}", flush=True)
    if arguments.json:
        write_json(arguments.json, _rows(results))
    sys.exit(1 if failed else 0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", allow_abbrev=False)
    names = [each.name for each in CONTESTS]
    add = parser.add_argument
    add("--only", nargs="+", choices=names, default=[], metavar="NAME", help=", ".join(names))
    add("--repeat", type=int, default=LEAST_ROUNDS, metavar="N", help="rounds (default: 5)")
    add("--quick", action="store_true", help="one short round: does it run, not how fast")
    add(
        "--patience",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long a section waits for neighbours to be quiet (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="write every round's values there too")
    return parser.parse_args()


def _about(contest: Contest, effort: Effort) -> str:
    return (
        f"Made on {time.strftime('%Y-%m-%d')} by `make bench-peers ARGS='--only {contest.name}'` "
        f"on {machine.describe()} Medians of {effort.rounds} rounds.{effort.quiet.describe()}"
    )


def _rows(results: dict[str, Result]) -> dict[str, object]:
    return {
        name: {ranking.title: ranking.values for ranking in result.rankings}
        for name, result in results.items()
    }


if __name__ == "__main__":
    main()
