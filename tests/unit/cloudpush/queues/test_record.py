from __future__ import annotations

import pytest

from cloudpush.queues.record import BATCH_BYTES, split_into_batches


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        ([], []),
        ([1], [[1]]),
        ([1] * 10, [[1] * 10]),
        ([1] * 11, [[1] * 10, [1]]),
        ([BATCH_BYTES], [[BATCH_BYTES]]),
        ([BATCH_BYTES, 1], [[BATCH_BYTES], [1]]),
        ([1, BATCH_BYTES - 1, 1], [[1, BATCH_BYTES - 1], [1]]),
        ([1, BATCH_BYTES, 1], [[1], [BATCH_BYTES], [1]]),
    ],
)
def test_batches_are_as_few_as_both_limits_allow(
    sizes: list[int], batches: list[list[int]]
) -> None:
    found = split_into_batches("x" * size for size in sizes)

    assert [[len(body) for body in batch] for batch in found] == batches


def test_batches_are_measured_in_bytes_and_not_in_characters() -> None:
    half = "ä" * (BATCH_BYTES // 4)

    assert [len(batch) for batch in split_into_batches([half, half, half])] == [2, 1]
