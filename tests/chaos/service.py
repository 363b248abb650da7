"""The service under test: a copy whose functions may die, on a gateway that makes faults."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e.gateway_process import ROOT, free_port, main_job, running_gateway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from tests.chaos.profile import Profile
    from tests.e2e.gateway_process import GatewayProcess

_TIMES = (
    "VisibilityTimeout: 180",
    "VisibilityTimeout: 360",
    "Timeout: 60 # hands",
    "      Timeout: 30\n",
    "    Timeout: 10\n",
)
"""A job whose function died comes again after seconds, not minutes, and is not given up."""

_ENVIRONMENTS = 3
"""Of each function, at most."""

_PATIENCE_SECONDS = 120.0
"""For the start and the stop, on a machine that has much else to do."""
_VARIABLES = "        STORE: !Ref Store\n"


@contextlib.asynccontextmanager
async def faulty_service(
    profile: Profile, folder: Path, *, store: str, variables: Mapping[str, str]
) -> AsyncGenerator[GatewayProcess]:
    """Run a copy of the service in `folder`; its functions die while `folder/faults` is there."""
    port = free_port()
    shutil.copytree(ROOT / "functions", folder / "functions")
    shutil.copy(Path(__file__).with_name("chaos_ports.py"), folder / "functions")
    (folder / "layers").symlink_to(ROOT / "layers")
    for path in (folder / "functions").glob("*.py"):
        if path.name != "chaos_ports.py":
            path.write_text(f"{path.read_text()}\n\nimport chaos_ports\n\nchaos_ports.install()\n")
    template = folder / "template.yaml"
    template.write_text(
        _edited(
            (ROOT / "template.yaml").read_text(),
            {
                **variables,
                "CHAOS_SWITCH": str(folder / "faults"),
                "CHAOS_SEED": str(profile.seed),
                "CHAOS_DEATHS": str(profile.deaths),
            },
            profile.job_seconds,
        )
    )
    url = {"RedisUrl": variables["REDIS_URL"]} if store == "redis" else {}
    arguments = main_job(
        store, port, StaleAfterSeconds="0", ConnectRate="0", MessageRate="0", **url
    )
    arguments[arguments.index("template.yaml")] = str(template)
    arguments += ["--seed", str(profile.seed), "--connect-rate", "0"]
    # Clients that all come at once would start dozens of processes, which time out as they start.
    arguments += ["--max-concurrency", str(_ENVIRONMENTS)]
    gateway = None
    try:
        async with running_gateway(
            arguments,
            port=port,
            start_seconds=_PATIENCE_SECONDS,
            stop_seconds=_PATIENCE_SECONDS,
        ) as gateway:
            yield gateway
    finally:
        if profile.log is not None and gateway is not None:
            profile.log.write_text(gateway.log)


def _edited(text: str, variables: Mapping[str, str], job_seconds: int) -> str:
    for old in _TIMES:
        assert old in text
        text = text.replace(old, re.sub(r"\d+", str(job_seconds), old))
    kept = [
        line
        for line in text.splitlines(keepends=True)
        if line.strip().partition(":")[0] not in variables
    ]
    lines = "".join(f"        {name}: {json.dumps(value)}\n" for name, value in variables.items())
    text = "".join(kept)
    assert _VARIABLES in text
    return text.replace(_VARIABLES, f"{_VARIABLES}{lines}")
