"""What one template may cost to read: aliases, includes, loops and functions all multiply.

A template of some hundred characters can stand for more than a machine holds: a `Fn::Sub` that uses
a name twenty times, whose value is such a `Fn::Sub`; a resource whose name is made of another's,
three times, and so on; one file included a thousand times. Each of these has a rule that ends it
some day, and none ends it soon. So everything that is written out is counted, in one place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from local_gateway.tree import Place, Value

MAX_STEPS: Final = 500_000
"""Values looked at and made. Ours: a template of 500 resources takes some ten thousand."""
_CHARACTERS_PER_STEP: Final = 64


class Budget:
    """The steps that are left for one template."""

    def __init__(self, steps: int = MAX_STEPS) -> None:
        """Begin with all of them."""
        self._left = steps

    def spend(self, place: Place, characters: int = 0) -> None:
        """Count one value with so many characters of text.

        Raises:
            TemplateError: The template has used up what it may.
        """
        self._left -= 1 + characters // _CHARACTERS_PER_STEP
        if self._left < 0:
            raise place.error(f"the template takes more than {MAX_STEPS:,} steps to be written out")

    def spend_tree(self, tree: Value, place: Place) -> None:
        """Count every value of a tree, and raise as `spend` does."""
        waiting: list[Value] = [tree]
        while waiting:
            value = waiting.pop()
            self.spend(place, len(value) if isinstance(value, str) else 0)
            if isinstance(value, list):
                waiting.extend(value)
            elif isinstance(value, dict):
                waiting.extend(value.values())
