"""An environment of the functions with fakes behind the ports, and a clock that a test drives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from cloudpush import boundary, observability, wiring
from cloudpush.model import Policy
from cloudpush.settings import AuthMode, Settings
from cloudpush.stores.memory_budgets import MemoryBudgetStore
from tests.fakes.dead_letters import MemoryDeadLetterQueue
from tests.fakes.management import RecordingManagementApi
from tests.fakes.push_service import Stage
from tests.fakes.telemetry import Lines, logging_to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cloudpush.ports import Outcome


class Environment(Stage):
    """A stage that the functions run on."""

    def __init__(self) -> None:
        super().__init__()
        self.dead_letters = {"jobs": MemoryDeadLetterQueue(), "receipts": MemoryDeadLetterQueue()}

    def script(self, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        """Let the gateway answer posts like this from now on."""
        self.gateway = RecordingManagementApi(outcomes)
        settings = wiring.current().settings
        self.use(settings, settings.auth_mode)

    def use(self, settings: Settings, auth_mode: AuthMode = AuthMode.NONE) -> None:
        """Run the functions with these settings from now on, open unless something else is said."""
        wired = wiring.Wiring(msgspec.structs.replace(settings, auth_mode=auth_mode))
        wired.store = self.store
        wired.deliver_queue = self.jobs
        wired.fan_out_queue = self.fan_outs
        wired.notify_queue = self.notices
        wired.receiver = self.receiver
        wired.gateway = self.gateway
        wired.inboxes = self.inboxes
        wired.messages = self.messages
        wired.fan_outs = self.progress
        wired.budgets = MemoryBudgetStore()
        wired.repeats = self.repeats
        wired.statistics = self.statistics
        wired.access = self.access
        wired.rates = self.rates
        wired.dead_letters = self.dead_letters
        wiring.install(wired)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    observability.tally().take()  # what an earlier test counted outside of an invocation
    stage = Environment()
    stage.use(
        Settings(
            policy=Policy.MULTI,
            websocket_url="wss://ws.example.com/dev",
        )
    )
    monkeypatch.setattr("cloudpush.clock.now_ms", stage.clock)
    yield stage
    wiring.install(None)
    boundary.close_event_loop()


@pytest.fixture(autouse=True)
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with logging_to_stdout():
        yield Lines(capsys)
