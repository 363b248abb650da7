"""Faults that happen on AWS now and then, and here when they are switched on: their table and dice.

All are off. `--fault NAME=VALUE` and `POST /_gateway/faults` switch them on. What a fault decides
is drawn from the seed of `ids`, each fault from a stream of its own: the same events in the same
order then meet the same faults.

While all are off nothing asks here: the parts that a fault concerns are put in the way of a message
when it is switched on, and taken away again (`mischief`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from local_gateway import ids

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Unit: TypeAlias = Literal["seconds", "probability"]

_LONGEST_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can go wrong."""

    name: str
    unit: Unit
    meaning: str
    """What happens; a probability is that of each time that it could."""

    @property
    def highest(self) -> float:
        """The highest value; 0 is the lowest, and off."""
        return 1.0 if self.unit == "probability" else _LONGEST_SECONDS

    @property
    def allowed(self) -> str:
        """What values there are, as a text."""
        return f"{self.name}: {self.unit}, 0 (off) to {self.highest:g}"


FAULTS: Final[Mapping[str, Fault]] = {
    fault.name: fault
    for fault in (
        Fault("late-disconnect", "seconds", "`$disconnect` is invoked this much later"),
        Fault("lost-disconnect", "probability", "`$disconnect` is never invoked"),
        Fault("duplicate-disconnect", "probability", "`$disconnect` is invoked twice"),
        Fault("cold-start", "probability", "an event meets no warm environment"),
        Fault("function-error", "probability", "an event's environment ends before the handler"),
        Fault("post-429", "probability", "a post is refused with 429, as by the account's quota"),
        Fault("false-gone", "probability", "`@connections` answers 410 for an open connection"),
        Fault("slow-client", "probability", "a connection answers all posts with 429, as if full"),
        Fault("lost-frame", "probability", "a message to a client is lost, and its post 200"),
        Fault("reordered-reply", "probability", "an answer is sent behind the next message"),
        Fault("duplicate-record", "probability", "a queue's record is handed over once more"),
        Fault("reordered-record", "probability", "a queue's record comes behind the next ones"),
    )
}
"""Every fault by its name."""


class InvalidFault(ValueError):
    """A name or a value that is not in the table; `allowed` says what is."""

    def __init__(self, problem: str, allowed: list[str]) -> None:
        """Take what was found, and what there is."""
        self.problem = problem
        self.allowed = allowed
        super().__init__(f"{problem}; allowed: {', '.join(allowed)}")


def check(name: str, value: object) -> float:
    """Return the value of a fault.

    Raises:
        InvalidFault: There is no such fault, or it can't have this value.
    """
    fault = FAULTS.get(name)
    if fault is None:
        raise InvalidFault(f"there is no fault {name!r}", list(FAULTS))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidFault(f"{name} is {value!r}, no number", [fault.allowed])
    if not 0 <= value <= fault.highest:
        raise InvalidFault(f"{name} is {value:g}", [fault.allowed])
    return float(value)


class Faults:
    """Which faults are on, and the dice that decide when they happen."""

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._times: Counter[str] = Counter()
        self._dice: dict[str, Callable[[], float]] = {}
        self._listeners: list[Callable[[], None]] = []

    @property
    def values(self) -> Mapping[str, float]:
        """Return the values of those that are on."""
        return dict(self._values)

    def value(self, name: str) -> float:
        """Return the value of a fault, 0 if it is off."""
        return self._values.get(name, 0.0)

    def times(self, name: str) -> int:
        """Return how often a fault of a probability happened since the emulator started."""
        return self._times[name]

    def set(self, values: Mapping[str, object]) -> None:
        """Switch faults on, or with 0 off; the others stay.

        Raises:
            InvalidFault: One of them is wrong; nothing has changed then.
        """
        checked = {name: check(name, value) for name, value in values.items()}
        self._values = {k: v for k, v in {**self._values, **checked}.items() if v}
        for tell in self._listeners:
            tell()

    def clear(self) -> None:
        """Switch all off."""
        self.set(dict.fromkeys(self._values, 0))

    def on_change(self, tell: Callable[[], None]) -> None:
        """Call `tell` whenever faults are switched."""
        self._listeners.append(tell)

    def happens(self, name: str) -> bool:
        """Draw whether a fault happens this time."""
        probability = self._values.get(name, 0.0)
        if not probability:
            return False
        dice = self._dice.get(name)
        if dice is None:
            dice = self._dice[name] = ids.stream(name)
        is_time = dice() < probability
        self._times[name] += is_time
        return is_time


def write_table() -> str:
    """Write every fault as a row of the table in docs/reference/faults.md."""
    rows = [
        f"| `{each.name}` | {each.unit} | 0 to {each.highest:g} | {each.meaning} |"
        for each in FAULTS.values()
    ]
    return "\n".join(rows) + "\n"
