from __future__ import annotations

from local_gateway.limits import TokenBucket


def test_bucket_starts_full() -> None:
    bucket = TokenBucket(2)

    assert [bucket.take(0.0) for _ in range(3)] == [True, True, False]


def test_bucket_refills_at_its_rate() -> None:
    bucket = TokenBucket(2)
    taken = [bucket.take(10.0), bucket.take(10.0), bucket.take(10.4), bucket.take(10.5)]

    assert taken == [True, True, False, True]


def test_bucket_holds_no_more_than_its_burst() -> None:
    bucket = TokenBucket(10, burst=2)
    bucket.take(0.0)

    assert [bucket.take(100.0) for _ in range(3)] == [True, True, False]


def test_bucket_of_less_than_one_a_second_still_gives_one() -> None:
    bucket = TokenBucket(0.5)

    assert [bucket.take(0.0), bucket.take(1.0), bucket.take(2.0)] == [True, False, True]


def test_bucket_with_a_burst_of_nothing_gives_nothing() -> None:
    bucket = TokenBucket(10, burst=0)

    assert [bucket.take(0.0), bucket.take(100.0)] == [False, False]
