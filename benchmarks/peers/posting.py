"""Posts to `@connections` a second of CPU: ours, boto3's, aiobotocore's and awscrt's."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from benchmarks.peers.entrant import PLACE
from benchmarks.peers.ranking import Column, Ranking, Result, compare
from benchmarks.posting import run_way, running_sink
from benchmarks.servers import ROOT

if TYPE_CHECKING:
    from benchmarks.measurements import Effort

PYTHON = PLACE / "posting" / "bin" / "python"

OURS, OURS_FASTER, BOTO3, AWSCRT = "ours, asyncio", "ours, uvloop", "boto3", "awscrt"

POSTS = 20_000
"""Of ours a round; others get the share that takes them about as long."""

_FOREIGN = {"aiobotocore": 10, AWSCRT: 2}
_RATE = "posts_per_cpu_second"


def contest_posting(effort: Effort) -> Result:
    """Post to a server that does nothing but answer."""
    posts = POSTS // 5 if effort.is_quick else POSTS
    versions = _versions()
    columns = (Column(_RATE, "posts per CPU second"), Column("posts_per_second", "posts/s"))
    result = Result([])
    for kind, is_tls in (("HTTP", False), ("HTTPS", True)):
        values: dict[str, dict[str, list[float]]] = {}
        with running_sink(is_tls=is_tls) as url:
            for _ in range(effort.rounds):
                effort.quiet.take(lambda u=url, v=values: _measure(u, posts, v, [*versions]))
        ranking = Ranking(kind, columns, values)
        result.rankings.append(ranking)
        for ours, peer, times in ((OURS, BOTO3, 20), (OURS, AWSCRT, 4), (OURS_FASTER, BOTO3, 40)):
            aim = f"{kind}, {ours}: {times} times {peer}"
            result.verdicts += compare(ranking, aim, _RATE, ours, peer, times)
    result.versions += [f"{way} {version}" for way, version in versions.items()]
    result.skipped += [
        f"{way}, not installed (make peers)" for way in _FOREIGN if way not in versions
    ]
    return result


def _measure(
    url: str, posts: int, values: dict[str, dict[str, list[float]]], foreign: list[str]
) -> None:
    for way in (OURS, OURS_FASTER, BOTO3):
        _add(values, way, run_way(way, url, posts))
    for way in foreign:
        command = [str(PYTHON), "-W", "ignore", "-m", "benchmarks.peers.foreign"]
        options = [way, url, str(posts // _FOREIGN[way])]
        _add(
            values,
            way,
            json.loads(subprocess.check_output([*command, *options], cwd=ROOT, text=True)),
        )


def _add(values: dict[str, dict[str, list[float]]], way: str, rates: dict[str, float]) -> None:
    for key, value in rates.items():
        values.setdefault(way, {}).setdefault(key, []).append(value)


def _versions() -> dict[str, str]:
    """Return the versions of the foreign ways that are installed."""
    packages = PLACE.glob("posting/lib/python*/site-packages/*.dist-info")
    found = dict(folder.name.removesuffix(".dist-info").split("-", 1) for folder in packages)
    return {way: found[way] for way in _FOREIGN if way in found}
