"""An environment of the functions with fakes behind the ports, and a clock that a test drives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudpush import boundary, wiring
from cloudpush.model import Policy
from cloudpush.settings import Settings
from tests.fakes.management import RecordingManagementApi
from tests.fakes.push_service import Stage
from tests.fakes.telemetry import Lines, logging_to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cloudpush.ports import Outcome


class Environment(Stage):
    """A stage that the functions run on."""

    def script(self, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
        """Let the gateway answer posts like this from now on."""
        self.gateway = RecordingManagementApi(outcomes)
        self.use(wiring.current().settings)

    def use(self, settings: Settings) -> None:
        """Run the functions with these settings from now on."""
        wired = wiring.Wiring(settings)
        wired.store = self.store
        wired.deliver_queue = self.jobs
        wired.fan_out_queue = self.fan_outs
        wired.notify_queue = self.notices
        wired.receiver = self.receiver
        wired.gateway = self.gateway
        wired.inboxes = self.inboxes
        wired.messages = self.messages
        wired.fan_outs = self.progress
        wired.repeats = self.repeats
        wired.statistics = self.statistics
        wiring.install(wired)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    stage = Environment()
    stage.use(Settings(policy=Policy.MULTI, websocket_url="wss://ws.example.com/dev"))
    monkeypatch.setattr("cloudpush.clock.now_ms", stage.clock)
    yield stage
    wiring.install(None)
    boundary.close_event_loop()


@pytest.fixture(autouse=True)
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    with logging_to_stdout():
        yield Lines(capsys)
