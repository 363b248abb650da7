"""Logs and metrics: JSON lines with correlation ids, and CloudWatch's embedded metric format.

No `msg`, no token and no text of a client gets into either. Metrics have one dimension, the
service: per client or per message they would be unbounded, and that is what logs are for.

    metric                  one is
    Publications            a publication that was accepted
    PostsSent               a post that the gateway handed to a socket
    PostsGone               a post to a connection that turned out to be closed
    PostsWaiting            a post that will be tried again by a job
    PostsDropped            a post that was given up; each has a line in the log
    ConnectionsSwept        a connection that was closed because its client was silent
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics, MetricUnit

from cloudpush import settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from cloudpush.delivery import Report

_telemetry = settings.read_telemetry()
logger = Logger(service=_telemetry.service)
_metrics = Metrics(service=_telemetry.service, namespace=_telemetry.namespace)


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
            if _metrics.provider.metric_set:
                _metrics.flush_metrics()


def count(name: str, value: int = 1) -> None:
    """Add to a metric; nothing is written for 0."""
    if value:
        _metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def count_report(report: Report, **ids: str) -> None:
    """Count what became of posts, and log each that was given up."""
    count("PostsSent", len(report.sent))
    count("PostsGone", len(report.gone))
    count("PostsWaiting", len(report.waiting))
    count("PostsDropped", len(report.dropped))
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
