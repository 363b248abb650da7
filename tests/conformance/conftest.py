"""What the tests run against, and the rule that each proves one clause."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvloop

from local_gateway import clauses
from local_gateway.api import Identity
from local_gateway.template import load
from tests.conformance import proofs, target
from tests.conformance.target import Stage, Target
from tests.unit.local_gateway import conftest as servers
from tests.unit.local_gateway.lambdas import conftest as lambdas

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Iterator

    from local_gateway.api import Application

    StageOf = Callable[[str], Stage]
    LoadTemplate = Callable[[str], Application]

FOLDER = Path(__file__).parent


# The fixtures of emulators in the test's process, and of functions that run in real processes.
start_gateway = servers.start_gateway
gateway = servers.gateway
start_host = lambdas.start_host
write_function = lambdas.write_function


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Hold the marks to the rule; against AWS, leave out what only the emulator can do."""
    wrong = proofs.problems(proofs.read(), clauses.read())
    if wrong and not hasattr(config, "workerinput"):  # a worker could only crash
        raise pytest.UsageError(*wrong)
    if target.is_on_aws():
        left_out = [item for item in items if not _is_portable(item)]
        items[:] = [item for item in items if _is_portable(item)]
        config.hook.pytest_deselected(items=left_out)


def _is_portable(item: pytest.Item) -> bool:
    fixtures: list[str] = getattr(item, "fixturenames", [])
    return FOLDER not in item.path.parents or proofs.IN_PROCESS.isdisjoint(fixtures)


@pytest.fixture(scope="session")
def conformance_target() -> Iterator[Target]:
    """Start the stack, or find it on AWS."""
    with target.target() as found:
        yield found


@pytest.fixture
def stage_of(conformance_target: Target) -> StageOf:
    return lambda name: Stage(conformance_target, name)


@pytest.fixture
def main(stage_of: StageOf) -> Stage:
    """Return the stage that has every kind of route."""
    return stage_of("main")


@pytest.fixture
def load_template(tmp_path: Path) -> LoadTemplate:
    """Read templates whose functions have their code in a file `app.py`."""

    def read(text: str) -> Application:
        (tmp_path / "app.py").write_text("def handler(event, context): ...\n")
        file = tmp_path / "template.yaml"
        file.write_text(text)
        return load(file, parameters={}, identity=Identity())

    return read
