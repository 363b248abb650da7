"""Logs and metrics: JSON lines with correlation ids, and CloudWatch's embedded metric format.

No `msg`, no token and no text of a client gets into either. Metrics have one dimension, the
service: per client or per message they would be unbounded, and that is what logs are for.

    metric                  one is
    Publications            a publication that was accepted
    PostsSent               a post that the gateway handed to a socket
    PostsGone               a post to a connection that turned out to be closed
    PostsWaiting            a post that will be tried again by a job
    PostsDropped            a post that was given up; each has a line in the log
    PostsThrottled          a post that the gateway answered 429
    ConnectionsSwept        a connection that was closed because its client was silent
    HandshakesUnauthorized  a handshake that the authorizer answered 401
    HandshakesForbidden     one that it answered 403
    Connections             a client that was admitted
    Disconnections          a connection that ended
    Appended, Duplicates    a copy that an inbox took; that it had before
    FirstSends, Resends     a post of a kept message whose receipts are kept
    Delivered, Expired, Rejected    how it ended
    ReceiptsTold, ReceiptsPostponed    a receipt that the receiver took, or did not for now
    MessagesHandedOver, InboxesLookedAfter    what the sweep found due

What is measured has a name in `tally.BOUNDS`. The same counters go to the store, by the minute,
in one request per invocation.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from cloudpush import settings
from cloudpush.tally import MEASURED_IN_MS, Tally, counters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from cloudpush.outcomes import Report

_telemetry = settings.read_telemetry()
logger = Logger(service=_telemetry.service)
_metrics = Metrics(service=_telemetry.service, namespace=_telemetry.namespace)


class _Environment(threading.local):
    """As in `boundary`: a thread that handles events is an environment of its own."""

    def __init__(self) -> None:
        self.tally = Tally()


_environment = _Environment()
_keepers: list[Callable[[Mapping[str, int]], None]] = []


def tally() -> Tally:
    """Return what this environment counts until its invocation ends."""
    return _environment.tally


def keep_counters_by(keep: Callable[[Mapping[str, int]], None]) -> None:
    """Hand the counters of each invocation, if there are any, to this function too."""
    _keepers[:] = [keep]


def _adopt_package_loggers() -> None:
    """Let the plain loggers of this package's modules write where `logger` writes.

    Powertools names its logger after the service, which a deployment is free to choose.
    """
    package = logging.getLogger("cloudpush")
    package.handlers = list(logger.handlers)
    package.setLevel(logger.log_level)
    package.propagate = False


_adopt_package_loggers()


@contextmanager
def invocation(**ids: str) -> Generator[None]:
    """Put these ids into every line that is logged within, and write the metrics at its end."""
    with logger.append_context_keys(**ids):
        try:
            yield
        finally:
            _write_tally()


def _write_tally() -> None:
    counts, values = _environment.tally.take()
    if not counts and not values:
        return
    for name, number in counts.items():
        _metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
    for name, measured in values.items():
        unit = MetricUnit.Milliseconds if name in MEASURED_IN_MS else MetricUnit.Count
        for value in measured:
            _metrics.add_metric(name=name, unit=unit, value=value)
    if _metrics.provider.metric_set:
        _metrics.flush_metrics()
    for keep in _keepers:
        keep(counters_of(counts, values))


def count(name: str, value: int = 1) -> None:
    """Add to a metric; nothing is written for 0."""
    _environment.tally.count(name, value)


def measure(name: str, value: int) -> None:
    """Add a measurement to one of `tally.BOUNDS`."""
    _environment.tally.measure(name, value)


def count_report(report: Report, **ids: str) -> None:
    """Count what became of posts, and log each that was given up."""
    count("PostsSent", len(report.sent))
    count("PostsGone", len(report.gone))
    count("PostsWaiting", len(report.waiting))
    count("PostsDropped", len(report.dropped))
    count("PostsThrottled", report.throttled)
    for connection, outcome in report.dropped:
        logger.error(
            "a post was given up",
            extra={
                "connection_id": connection.connection_id,
                "client_id": connection.client_id,
                "outcome": outcome.value,
                **ids,
            },
        )
