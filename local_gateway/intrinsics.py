"""Intrinsic functions, conditions and mappings: a tree of functions becomes a tree of values.

Values are resolved when somebody reads them, so what can't be known locally is an error only where
the emulator needs it. The functions are those of the CloudFormation reference, "Intrinsic function
reference", and `Fn::Length` and `Fn::ToJsonString` of the AWS::LanguageExtensions transform.
"""

from __future__ import annotations

import base64
import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from local_gateway import pseudoparameters
from local_gateway.budget import Budget
from local_gateway.conditions import Conditions
from local_gateway.imports import Imports
from local_gateway.parameters import ParameterValue, Unknown
from local_gateway.references import References
from local_gateway.tree import (
    NO_VALUE,
    NoValue,
    Place,
    Value,
    arguments_of,
    guess_at,
    kind_of,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from pathlib import Path

    from local_gateway.api import Identity

_VARIABLE: Final = re.compile(r"\$\{([^${}]*)\}")
_MAX_OPEN: Final = 50
"""How many names may depend on each other in a row; each takes a dozen of Python's frames."""


class Resolver:
    """Gives the values of one template's expressions."""

    def __init__(
        self,
        file: Path,
        identity: Identity,
        *,
        sections: Mapping[str, Mapping[str, Value]],
        parameters: Mapping[str, ParameterValue],
        imports: Mapping[str, str] | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Take the sections of an expanded template by name, and its parameters' values.

        `imports` are what it takes from elsewhere, by export, attribute or dynamic reference;
        `budget` is what is left of the template's, a whole one if there is none.
        """
        self.budget = budget or Budget()
        self.identity = identity
        self.resources = sections["Resources"]
        self._file = file
        self._conditions = Conditions(self, sections["Conditions"], file)
        self._mappings = sections["Mappings"]
        self._parameters = parameters
        self.imports = Imports(imports or {})
        self._pseudo = pseudoparameters.of(identity)
        self.references = References(self)
        self._open: list[str] = []
        self._functions: Mapping[str, Callable[[Value, Place], Value | NoValue]] = {
            "Ref": self._ref,
            "Fn::Base64": self._base64,
            "Fn::Cidr": self._unsupported("Fn::Cidr"),
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAZs": self._get_azs,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Length": self._length,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
            "Fn::ToJsonString": self._to_json_string,
            "Fn::Transform": self._transform,
        }

    def resolve(self, value: Value, place: Place) -> Value | NoValue:
        """Return `value` without functions; entries that are NoValue are left out.

        Raises:
            UnresolvedValue: It depends on something outside of the template.
            TemplateError: A function is wrong, or refers to what isn't there; or all of the
                template's functions together make too much.
        """
        self.budget.spend(place)
        if isinstance(value, dict):
            if len(value) == 1:
                name, argument = next(iter(value.items()))
                if function := self._functions.get(name):
                    return function(argument, place)
            return self._resolve_mapping(value, place)
        if isinstance(value, list):
            items = [self.resolve(item, place.at(index)) for index, item in enumerate(value)]
            return [item for item in items if not isinstance(item, NoValue)]
        return self.imports.fill_in(value, place) if isinstance(value, str) else value

    def _resolve_mapping(self, value: dict[str, Value], place: Place) -> dict[str, Value]:
        resolved: dict[str, Value] = {}
        for key, inner in value.items():
            if key.startswith("Fn::"):
                if len(value) > 1:
                    raise place.error(f"{key} stands beside other keys", allowed="one key")
                names = ", ".join(sorted(self._functions))
                raise place.error(f"{key} is no function for a value", allowed=names)
            item = self.resolve(inner, place.at(key))
            if not isinstance(item, NoValue):
                resolved[key] = item
        return resolved

    def text(self, value: Value, place: Place) -> str:
        """Return a resolved text; numbers and booleans are written as CloudFormation does."""
        resolved = self.resolve(value, place)
        if isinstance(resolved, bool):
            return "true" if resolved else "false"
        if isinstance(resolved, str | int | float):
            text = str(resolved)
            self.budget.spend(place, len(text))
            return text
        kind = "AWS::NoValue" if isinstance(resolved, NoValue) else kind_of(resolved)
        raise place.error(f"is {kind}", allowed="a text")

    def choose(self, value: Value, place: Place) -> Value | NoValue:
        """Return the branch that Fn::If takes, unresolved; any other value as it is."""
        while isinstance(value, dict) and value.keys() == {"Fn::If"}:
            at = place.at("Fn::If")
            name, then, otherwise = arguments_of(value["Fn::If"], at, 3)
            value = then if self.condition(name, at) else otherwise
        return NO_VALUE if value == {"Ref": "AWS::NoValue"} else value

    def is_active(self, logical_id: str) -> bool:
        """Tell whether the resource's `Condition` holds, or it has none."""
        resource = self.resources[logical_id]
        name = resource.get("Condition") if isinstance(resource, dict) else None
        if name is None:
            return True
        return self.condition(name, Place(self._file, logical_id, "Condition"))

    def condition(self, name: Value, place: Place) -> bool:
        """Return the value of an entry of the section `Conditions`."""
        return self._conditions.holds(name, place)

    @contextmanager
    def visiting(self, what: str, place: Place) -> Generator[None]:
        """Guard against what depends on itself, while `what` is being resolved."""
        if what in self._open:
            raise place.error(f"{what} depends on itself: {' → '.join([*self._open, what])}")
        if len(self._open) == _MAX_OPEN:
            raise place.error(f"{self._open[0]} depends on more than {_MAX_OPEN} others in a row")
        self._open.append(what)
        try:
            yield
        finally:
            self._open.pop()

    def _ref(self, name: Value, place: Place) -> Value | NoValue:
        if name == "AWS::NoValue":
            return NO_VALUE
        if not isinstance(name, str):
            raise place.error(f"Ref gets {kind_of(name)}", allowed="a name")
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            parameter = self._parameters[name]
            if isinstance(parameter, Unknown):
                raise parameter.error()
            return list[Value](parameter) if isinstance(parameter, list) else parameter
        self._check_resource(name, place, others=[*self._parameters, *self._pseudo])
        with self.visiting(f"the Ref of {name}", place):
            return self.references.ref(name, place)

    def _get_att(self, argument: Value, place: Place) -> Value:
        if isinstance(argument, str):
            argument = list[Value](argument.split(".", 1))
        # The attribute may have dots, as in [Nested, Outputs.Url] or [Nested, Outputs, Url].
        parts = [
            self.text(part, place.at("Fn::GetAtt").at(index))
            for index, part in enumerate(arguments_of(argument, place.at("Fn::GetAtt"), 2, 3))
        ]
        return self.attribute(parts[0], ".".join(parts[1:]), place)

    def attribute(self, logical_id: str, attribute: str, place: Place) -> Value:
        """Return what `Fn::GetAtt` gives."""
        self._check_resource(logical_id, place, others=())
        with self.visiting(f"{logical_id}.{attribute}", place):
            return self.references.attribute(logical_id, attribute, place)

    def _check_resource(self, name: str, place: Place, *, others: Iterable[str]) -> None:
        if name not in self.resources:
            guess = guess_at(name, [*self.resources, *others])
            what = "neither a resource nor a parameter" if others else "no resource"
            raise place.error(f"refers to {name!r}, which is {what} of this template{guess}")
        if not self.is_active(name):
            raise place.error(f"refers to {name}, which its Condition leaves out")

    def _sub(self, argument: Value, place: Place) -> str:
        at = place.at("Fn::Sub")
        names: dict[str, Value] = {}
        template = argument
        if isinstance(argument, list):
            template, own = arguments_of(argument, at, 2)
            if not isinstance(own, dict):
                raise at.at(1).error(f"is {kind_of(own)}", allowed="a mapping of names to values")
            names = own
        if not isinstance(template, str):
            raise at.error(f"gets {kind_of(template)}", allowed="a text, or a list of it and names")

        def replace(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in names:
                return self.text(names[name], at.at(name))
            if "." in name:
                logical_id, attribute = name.split(".", 1)
                return self.text(self.attribute(logical_id, attribute, place), at.at(name))
            return self.text({"Ref": name}, at.at(name))

        return self.imports.fill_in(_VARIABLE.sub(replace, template), place)

    def _if(self, argument: Value, place: Place) -> Value | NoValue:
        # The chosen value stands where the function stood, for whoever reads about it.
        chosen = self.choose({"Fn::If": argument}, place)
        return chosen if isinstance(chosen, NoValue) else self.resolve(chosen, place)

    def _find_in_map(self, argument: Value, place: Place) -> Value | NoValue:
        at = place.at("Fn::FindInMap")
        arguments = arguments_of(argument, at, 3, 4)
        keys = [self.text(key, at.at(index)) for index, key in enumerate(arguments[:3])]
        found: Value = dict(self._mappings)
        for depth, key in enumerate(keys):
            if not isinstance(found, dict) or key not in found:
                if len(arguments) == 4 and isinstance(arguments[3], dict):  # noqa: PLR2004 — with {DefaultValue}
                    return self.resolve(arguments[3].get("DefaultValue"), at.at("DefaultValue"))
                known = found if isinstance(found, dict) else {}
                path = ".".join(["Mappings", *keys[:depth]])
                raise at.error(f"{path} has no {key!r}", allowed=", ".join(known) or None)
            found = found[key]
        return found

    def _join(self, argument: Value, place: Place) -> str:
        at = place.at("Fn::Join")
        delimiter, values = arguments_of(argument, at, 2)
        if not isinstance(delimiter, str):
            raise at.at(0).error(f"is {kind_of(delimiter)}", allowed="a text")
        items = self._list(values, at.at(1))
        return delimiter.join(self.text(item, at.at(1).at(i)) for i, item in enumerate(items))

    def _select(self, argument: Value, place: Place) -> Value | NoValue:
        at = place.at("Fn::Select")
        index_value, values = arguments_of(argument, at, 2)
        index = self.text(index_value, at.at(0))
        # Only the chosen item is resolved: its neighbours may be unknown.
        items = values if isinstance(values, list) else self._list(values, at.at(1))
        if not re.fullmatch(r"\d{1,9}", index) or int(index) >= len(items):
            raise at.at(0).error(f"the index is {index!r}", allowed=f"0 to {len(items) - 1}")
        return self.resolve(items[int(index)], at.at(1).at(int(index)))

    def _split(self, argument: Value, place: Place) -> list[Value]:
        at = place.at("Fn::Split")
        delimiter, text = arguments_of(argument, at, 2)
        if not isinstance(delimiter, str) or not delimiter:
            raise at.at(0).error("is no delimiter", allowed="a text of one character or more")
        return list[Value](self.text(text, at.at(1)).split(delimiter))

    def _list(self, value: Value, place: Place) -> list[Value]:
        resolved = self.resolve(value, place)
        if not isinstance(resolved, list):
            kind = "AWS::NoValue" if isinstance(resolved, NoValue) else kind_of(resolved)
            raise place.error(f"is {kind}", allowed="a list")
        return resolved

    def _length(self, argument: Value, place: Place) -> int:
        return len(self._list(argument, place.at("Fn::Length")))

    def _base64(self, argument: Value, place: Place) -> str:
        return base64.b64encode(self.text(argument, place.at("Fn::Base64")).encode()).decode()

    def _to_json_string(self, argument: Value, place: Place) -> str:
        at = place.at("Fn::ToJsonString")
        resolved = self.resolve(argument, at)
        if not isinstance(resolved, list | dict):
            raise at.error("gets no list or mapping", allowed="a list or a mapping")
        text = json.dumps(resolved, separators=(",", ":"), ensure_ascii=False)
        self.budget.spend(at, len(text))  # quotes within quotes double at every level
        return text

    def _get_azs(self, argument: Value, place: Place) -> list[Value]:
        region = self.text(argument, place.at("Fn::GetAZs")) or self.identity.region
        return [f"{region}{zone}" for zone in "abc"]

    def _import_value(self, argument: Value, place: Place) -> str:
        return self.imports.export(self.text(argument, place.at("Fn::ImportValue")), place)

    def _transform(self, argument: Value, place: Place) -> NoValue:
        name = argument.get("Name") if isinstance(argument, dict) else None
        what = "a file in S3" if name == "AWS::Include" else f"the macro {shown(name)}"
        raise place.at("Fn::Transform").unsupported(
            f"takes {what}", allowed="AWS::Include of a file beside the template"
        )

    def _unsupported(self, name: str) -> Callable[[Value, Place], NoValue]:
        def refuse(_argument: Value, place: Place) -> NoValue:
            names = ", ".join(n for n in self._functions if n not in {"Fn::Cidr", "Fn::Transform"})
            raise place.unsupported(f"uses {name}", allowed=names)

        return refuse
