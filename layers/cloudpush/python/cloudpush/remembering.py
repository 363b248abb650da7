"""Remember for a while what was looked up: an environment asks its store for few things twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Value = TypeVar("_Value")


class _Known(NamedTuple, Generic[_Value]):
    value: _Value
    until_ms: int


class Remembered(Generic[_Value]):
    """What `look_up` returned for the latest names, for `keep_ms` at most.

    Args:
        look_up: is asked for what is not known; what it raises is not remembered.
        keep_ms: how old an answer may be.
        size: of how many names.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        look_up: Callable[[str], _Value],
        *,
        keep_ms: int,
        size: int,
        clock: Callable[[], int],
    ) -> None:
        self._look_up = look_up
        self._keep_ms = keep_ms
        self._size = size
        self._clock = clock
        self._known: dict[str, _Known[_Value]] = {}

    def get(self, name: str) -> _Value:
        """Return what is known of this name, or look it up."""
        now_ms = self._clock()
        known = self._known.pop(name, None)
        if known is None or now_ms >= known.until_ms:
            known = _Known(self._look_up(name), now_ms + self._keep_ms)
        if len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[name] = known  # at the end of the dict, which is in order
        return known.value
