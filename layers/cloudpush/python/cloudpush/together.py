"""Ask once for what many ask in the same turn of the event loop.

Coroutines that run side by side, one for each client, ask the store for much the same. What they
ask until the loop gets round is one request, and each gets its own part of the answer. While a
request is made the loop stands still, so more come together the longer it takes.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Together(Generic[Question, Answer]):
    """One request that takes many questions, and answers them in their order."""

    def __init__(self, ask_all: Callable[[Sequence[Question]], Sequence[Answer]]) -> None:
        """Take the request; it is synchronous, as the stores are."""
        self._ask_all = ask_all
        self._asked: list[tuple[Question, asyncio.Future[Answer]]] = []

    async def ask(self, question: Question) -> Answer:
        """Return the answer to one question; what the request raises, all who asked are told."""
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._answer)
        answer: asyncio.Future[Answer] = loop.create_future()
        self._asked.append((question, answer))
        return await answer

    def _answer(self) -> None:
        asked, self._asked = self._asked, []
        try:
            answers = self._ask_all([question for question, _ in asked])
        except BaseException as error:  # noqa: BLE001 — theirs who asked, who would wait for ever
            for _, future in asked:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(asked, answers, strict=True):
            if not future.done():
                future.set_result(answer)
