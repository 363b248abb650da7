"""How fast a function's events go, by what its environments say that each took."""

from __future__ import annotations

from typing import Final

AHEAD_US: Final = 5_000
"""How much work is sent ahead to a busy environment at most. Ours."""

MOST_AHEAD: Final = 64
"""At most so many events are sent ahead to one environment. Ours."""

TINY_US: Final = 250
"""Events that take less than this keep one process busy rather than wake another. Ours."""

_WEIGHT: Final = 1 / 8
_OUTLIER: Final = 8
"""An event counts as at most so many usual ones: most that take longer were only interrupted, with
more processes than cores. Those that do block are found out by what waits behind them."""


class Pace:
    """The moving average of what events take, and what follows from it for the next."""

    __slots__ = ("_usual_us", "is_tiny", "most_ahead")

    def __init__(self) -> None:
        self._usual_us = 0.0
        self.is_tiny = False
        """Whether a busy environment is to be preferred to one that would have to be woken."""
        self.most_ahead = 0
        """How many events may wait in a busy environment; 0 as long as nothing is known."""

    def note(self, took_us: int) -> None:
        """Count in what an event took, in microseconds."""
        usual = self._usual_us
        if usual:
            usual += (min(took_us, _OUTLIER * usual) - usual) * _WEIGHT
        else:
            usual = took_us + 1.0
        self._usual_us = usual
        self.is_tiny = usual < TINY_US
        self.most_ahead = min(MOST_AHEAD, int(AHEAD_US / usual))
