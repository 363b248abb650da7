from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from cloudpush import observability
from cloudpush.outcomes import Report
from cloudpush.ports import Outcome
from tests.fakes.push_service import a_connection
from tests.fakes.telemetry import Lines, logging_to_stdout

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    monkeypatch.setattr(observability, "_keepers", [])
    with logging_to_stdout():
        yield Lines(capsys)


def test_every_line_within_an_invocation_has_its_ids_and_none_after_it(lines: Lines) -> None:
    with observability.invocation(request_id="r-1", connection_id="c-1"):
        observability.logger.info("within")
    observability.logger.info("after")

    within, after = lines.logs
    assert (within["request_id"], within["connection_id"]) == ("r-1", "c-1")
    assert "request_id" not in after


def test_the_modules_own_loggers_write_the_same_lines(lines: Lines) -> None:
    with observability.invocation(request_id="r-1"):
        logging.getLogger("cloudpush.delivery").warning("from a module")

    [line] = lines.logs
    assert (line["message"], line["level"], line["request_id"]) == (
        "from a module",
        "WARNING",
        "r-1",
    )


def test_metrics_are_written_when_the_invocation_ends_even_in_an_error(lines: Lines) -> None:
    def fail_after_counting() -> None:
        with observability.invocation(request_id="r-1"):
            observability.count("Publications")
            observability.count("Publications", 2)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_counting()

    assert lines.metrics == {"Publications": 3}


def test_an_invocation_without_metrics_writes_nothing(lines: Lines) -> None:
    with observability.invocation(request_id="r-1"):
        observability.count("Publications", 0)

    assert lines.text == ""


def test_a_report_is_counted_and_what_was_given_up_is_logged(lines: Lines) -> None:
    alice = a_connection("alice")
    report = Report(
        sent=[alice] * 3,
        waiting=[alice] * 2,
        gone=[alice],
        dropped=[(alice, Outcome.THROTTLED)],
    )

    with observability.invocation(request_id="r-1"):
        observability.count_report(report, message_id="m-1")

    assert lines.metrics == {"PostsSent": 3, "PostsWaiting": 2, "PostsGone": 1, "PostsDropped": 1}
    [line] = lines.logs
    assert line["message"] == "a post was given up"
    assert (line["client_id"], line["connection_id"]) == ("alice", "alice-1")
    assert (line["outcome"], line["message_id"]) == ("throttled", "m-1")
