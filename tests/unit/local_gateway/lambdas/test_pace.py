"""How fast a function is taken to be, after what its events took."""

from __future__ import annotations

from local_gateway.lambdas.pace import AHEAD_US, MOST_AHEAD, TINY_US, Pace


def after(*took_us: int) -> Pace:
    pace = Pace()
    for each in took_us:
        pace.note(each)
    return pace


def test_nothing_is_sent_ahead_before_anything_is_known() -> None:
    pace = Pace()

    assert (pace.is_tiny, pace.most_ahead) == (False, 0)


def test_events_of_no_time_are_sent_ahead_up_to_the_limit() -> None:
    assert after(0).most_ahead == MOST_AHEAD


def test_as_much_is_sent_ahead_as_is_done_in_time() -> None:
    assert after(*[999] * 50).most_ahead == AHEAD_US // 1_000


def test_event_that_takes_longer_than_all_that_may_wait_has_none_behind_it() -> None:
    assert after(AHEAD_US + 1).most_ahead == 0


def test_one_event_that_was_interrupted_changes_little() -> None:
    pace = after(*[50] * 20, 1_000_000)

    assert pace.is_tiny
    assert pace.most_ahead >= AHEAD_US // 100


def test_function_that_becomes_slow_is_found_out_after_a_few_events() -> None:
    pace = after(*[50] * 20, *[1_000_000] * 8)

    assert (pace.is_tiny, pace.most_ahead) == (False, 0)


def test_function_that_becomes_fast_is_found_out_too() -> None:
    pace = after(*[5_000] * 20, *[50] * 40)

    assert pace.is_tiny


def test_function_at_the_limit_is_not_tiny() -> None:
    assert not after(*[TINY_US] * 50).is_tiny
