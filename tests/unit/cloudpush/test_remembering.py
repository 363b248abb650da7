from __future__ import annotations

from cloudpush.remembering import Remembered
from tests.fakes.push_service import ManualClock


class Asked:
    """Remembers three names for a second."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.names: list[str] = []
        self.known = Remembered(self.look_up, keep_ms=1000, size=3, clock=self.clock)

    def look_up(self, name: str) -> int:
        self.names.append(name)
        return len(self.names)


def test_an_answer_is_as_old_as_it_may_be() -> None:
    asked = Asked()

    answers = [asked.known.get("a")]
    asked.clock.advance(ms=999)
    answers.append(asked.known.get("a"))
    asked.clock.advance(ms=1)
    answers.append(asked.known.get("a"))

    assert answers == [1, 1, 2]


def test_the_name_that_was_not_used_for_longest_is_forgotten_first() -> None:
    asked = Asked()

    for name in "abcadabc":
        asked.known.get(name)

    assert asked.names == ["a", "b", "c", "d", "b", "c"]
