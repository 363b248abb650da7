"""The `Parameters` section: what was asked for on the command line, else the default, checked.

The rules are those of the CloudFormation user guide, "Parameters section". A list is a list of
texts from here on, everything else is a text, numbers too.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from local_gateway.tree import Place, Value, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.errors import UnresolvedValue

ParameterValue: TypeAlias = "str | list[str] | Unknown"

_SSM: Final = "AWS::SSM::Parameter::Value<"
_NUMBER: Final = re.compile(
    r"\s*[-+]?(?:\d{1,300}\.?\d{0,300}|\.\d{1,300})(?:[eE][-+]?\d{1,2})?\s*"
)
_HIDDEN: Final = "****"


@dataclass(frozen=True, slots=True)
class Unknown:
    """The value of an SSM parameter, which stands in an account that nobody asks here."""

    place: Place
    ssm_name: str

    def error(self) -> UnresolvedValue:
        """Return the error for whoever reads it after all."""
        name = self.place.path.removeprefix("Parameters.")
        return self.place.unresolved(
            f"the value of the SSM parameter {self.ssm_name!r} is not known locally; give one with "
            f"--parameter-overrides {name}=VALUE"
        )


def read(
    section: Mapping[str, Value], overrides: Mapping[str, str], place: Place
) -> dict[str, ParameterValue]:
    """Return the value of each parameter by name.

    Raises:
        TemplateError: An override names no parameter, a value is missing, or a value breaks a rule
            of its parameter.
    """
    for name in overrides:
        if name not in section:
            raise place.error(
                f"--parameter-overrides names {name!r}, which the template doesn't have",
                allowed=", ".join(sorted(section)) or "none, the template has no parameters",
            )
    return {
        name: _Parameter(declared, place.at(name)).value(overrides.get(name))
        for name, declared in section.items()
    }


class _Parameter:
    """One entry of the section."""

    def __init__(self, declared: Value, place: Place) -> None:
        if not isinstance(declared, dict):
            raise place.error(f"is {kind_of(declared)}", allowed="a mapping with Type")
        self._declared = declared
        self._place = place
        self._type = self._text("Type")
        self._is_hidden = declared.get("NoEcho") in (True, "true")

    def value(self, override: str | None) -> ParameterValue:
        """Return the override or the default, checked against the rules."""
        default = self._scalar("Default")
        if override is None and default is None:
            raise self._place.error(
                "has no value: there is no Default, and no "
                f"--parameter-overrides {self._place.path.removeprefix('Parameters.')}=VALUE"
            )
        if self._type.startswith(_SSM) and override is None:
            return Unknown(self._place, default or "")
        text = (default or "") if override is None else override
        kind = self._type.removeprefix(_SSM).removesuffix(">" if _SSM in self._type else "")
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        items = [item.strip() for item in text.split(",")] if is_list else [text]
        for item in items:
            self._check(item, is_number=kind in {"Number", "List<Number>"})
        return items if is_list else text

    def _check(self, item: str, *, is_number: bool) -> None:
        shown = _HIDDEN if self._is_hidden else repr(item)
        if is_number and not _NUMBER.fullmatch(item):
            raise self._wrong(f"the value {shown} is no number", "a number")
        allowed = self._declared.get("AllowedValues")
        if isinstance(allowed, list) and item not in [_as_text(value) for value in allowed]:
            values = ", ".join(map(_as_text, allowed))
            raise self._wrong(f"the value {shown} is not allowed", values)
        self._check_pattern(item, shown)
        self._check_limits(item, shown, is_number=is_number)

    def _check_pattern(self, item: str, shown: str) -> None:
        pattern = self._scalar("AllowedPattern")
        if pattern is None:
            return
        try:
            with warnings.catch_warnings():
                # Of what means something else in Java's expressions, which AWS takes: [[a]&&[b]].
                warnings.simplefilter("error", FutureWarning)
                matches = re.fullmatch(pattern, item)
        except (re.error, FutureWarning, OverflowError, RecursionError) as error:
            raise self._place.at("AllowedPattern").unsupported(
                f"{pattern!r} is no regular expression of Python: {error}"
            ) from error
        if matches is None:
            raise self._wrong(f"the value {shown} does not match", f"the pattern {pattern}")

    def _check_limits(self, item: str, shown: str, *, is_number: bool) -> None:
        size, names = (
            (float(item), ("MinValue", "MaxValue"))
            if is_number
            else (float(len(item)), ("MinLength", "MaxLength"))
        )
        unit = "" if is_number else " characters"
        least, most = (self._limit(name) for name in names)
        if least is not None and size < least:
            raise self._wrong(f"the value {shown} is too small", f"at least {least:g}{unit}")
        if most is not None and size > most:
            raise self._wrong(f"the value {shown} is too large", f"at most {most:g}{unit}")

    def _limit(self, name: str) -> float | None:
        text = self._scalar(name)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            raise self._place.at(name).error(f"{text!r} is no number")
        return float(text)

    def _wrong(self, problem: str, allowed: str) -> Exception:
        why = self._scalar("ConstraintDescription")
        return self._place.error(f"{problem} ({why})" if why else problem, allowed=allowed)

    def _text(self, name: str) -> str:
        value = self._declared.get(name)
        if not isinstance(value, str):
            raise self._place.at(name).error(f"is {kind_of(value)}", allowed="a text")
        return value

    def _scalar(self, name: str) -> str | None:
        value = self._declared.get(name)
        if isinstance(value, list | dict):
            raise self._place.at(name).error(f"is {kind_of(value)}", allowed="a text or a number")
        return None if value is None else _as_text(value)


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
