from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cloudpush.errors import StoreUnavailable
from cloudpush.together import Together

if TYPE_CHECKING:
    from collections.abc import Sequence


class Doubling:
    """A request that doubles numbers, and remembers how often it was made."""

    def __init__(self) -> None:
        self.requests: list[list[int]] = []

    def __call__(self, numbers: Sequence[int]) -> Sequence[int]:
        self.requests.append([*numbers])
        return [2 * each for each in numbers]


async def test_what_is_asked_in_one_turn_is_one_request() -> None:
    doubling = Doubling()
    together = Together(doubling)

    answers = await asyncio.gather(*(together.ask(each) for each in (1, 2, 3)))

    assert answers == [2, 4, 6]
    assert doubling.requests == [[1, 2, 3]]


async def test_what_is_asked_later_is_the_next_request() -> None:
    doubling = Doubling()
    together = Together(doubling)

    answers = [await together.ask(1), await together.ask(2)]

    assert answers == [2, 4]
    assert doubling.requests == [[1], [2]]


async def test_a_request_that_fails_has_failed_for_all_who_asked_and_for_nobody_later() -> None:
    failures: list[Exception] = [StoreUnavailable("down")]

    def ask_all(numbers: Sequence[int]) -> Sequence[int]:
        if failures:
            raise failures.pop()
        return numbers

    together = Together(ask_all)

    answers = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)

    assert [type(each) for each in answers] == [StoreUnavailable, StoreUnavailable]
    assert await together.ask(3) == 3


async def test_who_stops_waiting_takes_no_answer_from_the_others() -> None:
    together = Together(Doubling())

    impatient = asyncio.ensure_future(together.ask(1))
    patient = asyncio.ensure_future(together.ask(2))
    await asyncio.sleep(0)
    impatient.cancel()

    assert await patient == 4
    with pytest.raises(asyncio.CancelledError):
        await impatient


class Killed(BaseException):
    """What is no `Exception`, such as the end of a process."""


async def test_whatever_ends_a_request_is_told_to_all_who_asked() -> None:
    def ask_all(numbers: Sequence[int]) -> Sequence[int]:
        raise Killed(numbers)

    together = Together(ask_all)

    answers = await asyncio.wait_for(
        asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True), 10
    )

    assert [type(each) for each in answers] == [Killed, Killed]
