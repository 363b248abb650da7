"""What is measured, in the order of the page."""

from __future__ import annotations

from benchmarks.measurements import (
    beside,
    broadcast,
    closed,
    connect,
    echo,
    idle,
    imports,
    kept,
    posting,
    push,
    start,
    watched,
)
from benchmarks.measurements.measurement import Effort, Measurement

__all__ = ["ALL", "Effort", "Measurement"]

ALL = (
    echo.MEASUREMENT,
    connect.MEASUREMENT,
    closed.MEASUREMENT,
    push.MEASUREMENT,
    kept.MEASUREMENT,
    broadcast.MEASUREMENT,
    beside.MEASUREMENT,
    posting.MEASUREMENT,
    idle.MEASUREMENT,
    watched.MEASUREMENT,
    start.MEASUREMENT,
    imports.MEASUREMENT,
)
