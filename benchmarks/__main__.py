"""`python -m benchmarks`: measure, print, and write the page.

    make bench                          everything, 3 rounds, and the page
    make bench ARGS='--repeat 5'        the same with 5 rounds, for a release
    make bench ARGS='--only echo idle'  just these, printed; the page stays as it is

The page holds figures of one run, so only a whole run that is not `--quick` writes it. It exits
with 0 whatever the figures are, with 1 if something could not be measured.
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
from benchmarks.figures import write_table
from benchmarks.machine import Quiet
from benchmarks.measurements import ALL, Effort
from benchmarks.page import PAGE, replace_blocks, write_page
from benchmarks.servers import ROOT, BenchmarkFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.figures import Figure
    from benchmarks.measurements import Measurement


def main() -> None:
    """Run what the command line asks for."""
    end_like_ctrl_c()
    arguments = _parse()
    chosen = [each for each in ALL if not arguments.only or each.name in arguments.only]
    is_whole = len(chosen) == len(ALL) and not arguments.quick
    if is_whole:  # a page without a place is noticed now, not when all is measured
        blocks = dict.fromkeys([*(each.name for each in ALL), "machine"], "")
        replace_blocks(PAGE.read_text(encoding="utf-8"), blocks)
    quiet = Quiet(arguments.patience)
    effort = Effort(1 if arguments.quick else arguments.repeat, arguments.quick, quiet)
    print(machine.describe(), flush=True)
    results: dict[str, Sequence[Figure]] = {}
    failed: list[str] = []
    for measurement in chosen:
        try:
            results[measurement.name] = _run(measurement, effort)
        except (BenchmarkFailed, subprocess.CalledProcessError) as failure:
            failed.append(measurement.name)
            print(f"{measurement.name} failed: {failure}", file=sys.stderr, flush=True)
    print(effort.quiet.describe().strip())
    _print_missed(results)
    if arguments.json:
        write_json(arguments.json, _rows(results))
    if is_whole and not failed:
        write_page(PAGE, _blocks(results, effort))
        print(f"written: {PAGE.relative_to(ROOT)}")
    sys.exit(1 if failed else 0)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", allow_abbrev=False)
    names = [each.name for each in ALL]
    add = parser.add_argument
    add("--only", nargs="+", choices=names, default=[], metavar="NAME", help=", ".join(names))
    add("--repeat", type=int, default=3, metavar="N", help="rounds; medians count (default: 3)")
    add("--quick", action="store_true", help="one short round: does it run, not how fast")
    add(
        "--patience",
        type=float,
        default=180.0,
        metavar="SECONDS",
        help="how long to wait in all for neighbours to be quiet (default: %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="write every round's values there too")
    return parser.parse_args()


def _run(measurement: Measurement, effort: Effort) -> Sequence[Figure]:
    started = time.monotonic()
    figures = measurement.run(effort)
    print(f"\n{measurement.title} ({time.monotonic() - started:.0f} s)\n", flush=True)
    print(write_table(figures), flush=True)
    return figures


def _print_missed(results: dict[str, Sequence[Figure]]) -> None:
    missed = [figure for figures in results.values() for figure in figures if figure.is_missed]
    for figure in missed:
        print(f"missed: {' | '.join(filter(None, figure.cells()))}")


def _blocks(results: dict[str, Sequence[Figure]], effort: Effort) -> dict[str, str]:
    tables = {name: write_table(figures) for name, figures in results.items()}
    about = (
        f"Made by `make bench{_arguments(effort)}` on {machine.describe()} "
        f"Each figure is the median of {effort.rounds} rounds or more, with the least and the "
        f"greatest beside it.{effort.quiet.describe()}"
    )
    return {**tables, "machine": about}


def _arguments(effort: Effort) -> str:
    return "" if effort.rounds == Effort.rounds else f" ARGS='--repeat {effort.rounds}'"


def _rows(results: dict[str, Sequence[Figure]]) -> dict[str, object]:
    return {
        name: [
            {
                "what": figure.what,
                "unit": figure.unit,
                "values": list(figure.values),
                "floor": list(figure.floor),
                "is_missed": figure.is_missed,
            }
            for figure in figures
        ]
        for name, figures in results.items()
    }


if __name__ == "__main__":
    main()
