"""Posts to `@connections` per second of CPU, beside boto3's, by `benchmarks/posting.py`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Rounds, at_least_times_the_floor
from benchmarks.measurements.measurement import Effort, Measurement
from benchmarks.servers import ROOT, shell_environment

FLOOR = "boto3"
AIMED_AT = "ours, uvloop"
POSTS = 20_000
KINDS = (("HTTP", ()), ("HTTPS", ("--tls",)))


def measure(effort: Effort) -> list[Figure]:
    """Run the script once a round, so that a round that was disturbed can be taken again."""
    figures: list[Figure] = []
    for kind, options in KINDS:
        rounds = Rounds()
        for _ in range(effort.rounds):
            ways = effort.quiet.take(lambda o=options: _run(o, is_quick=effort.is_quick))
            for way, result in ways.items():
                rounds.add(way, result["posts_per_cpu_second"])
        figures += [
            Figure(
                f"{kind}, {way}: posts per CPU second",
                "",
                values,
                rounds[FLOOR],
                at_least_times_the_floor(20) if (kind, way) == ("HTTP", AIMED_AT) else None,
            )
            for way, values in rounds.values.items()
            if way != FLOOR
        ]
    return figures


def _run(options: tuple[str, ...], *, is_quick: bool) -> dict[str, Any]:
    posts = POSTS // 5 if is_quick else POSTS
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "posting.json")
        subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.posting", *options),
                *("--posts", str(posts), "--rounds", "1", "--json", str(result)),
            ],
            cwd=ROOT,
            env=shell_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return json.loads(result.read_text())["ways"]


MEASUREMENT = Measurement("posting", "Posting to connections", measure)
