"""How the records of a queue share a request, and how long they may wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BATCH_BYTES: Final = 1024 * 1024
"""The most that the records of one request may have together, in UTF-8.

Amazon SQS API Reference, SendMessageBatch («1 MiB 1,048,576 bytes»); it was 256 KiB until August
2025."""

BATCH_RECORDS: Final = 10
"""How many records one request may carry (the same page)."""

MAX_DELAY_SECONDS: Final = 15 * 60
"""The longest delay (Amazon SQS Developer Guide, «Message timers»)."""


def split_into_batches(bodies: Iterable[str]) -> Iterator[list[str]]:
    """Group records, in their order, as few requests carry them."""
    batch: list[str] = []
    batch_bytes = 0
    for body in bodies:
        size = len(body.encode())
        if batch and (len(batch) == BATCH_RECORDS or batch_bytes + size > BATCH_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(body)
        batch_bytes += size
    if batch:
        yield batch


def check_delay(delay_seconds: int) -> None:
    """Refuse a delay that a queue cannot keep.

    Raises:
        ValueError: it is negative or longer than `MAX_DELAY_SECONDS`.
    """
    if not 0 <= delay_seconds <= MAX_DELAY_SECONDS:
        raise ValueError(f"a delay is 0 to {MAX_DELAY_SECONDS} seconds, not {delay_seconds}")
