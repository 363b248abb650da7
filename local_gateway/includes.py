"""`AWS::Include`: a part of a template that stands in a file of its own.

CloudFormation wants the file in S3; `aws cloudformation package` and `sam deploy` put it there from
a local path, which is what is read here. One that is in S3 already stays as it is written, and is
an error for whoever reads it. CloudFormation user guide, "AWS::Include transform".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway import document
from local_gateway.tree import Place, Value, kind_of

if TYPE_CHECKING:
    from pathlib import Path

    from local_gateway.budget import Budget

NAME: Final = "AWS::Include"
_FUNCTION: Final = "Fn::Transform"


def expand(
    tree: dict[str, Value], file: Path, budget: Budget
) -> tuple[dict[str, Value], tuple[Path, ...]]:
    """Return the template with the files that it includes, and their names.

    Raises:
        TemplateError: A file is not there, is no mapping, or has a key that is there already; or
            all of them together are too much.
    """
    includes = _Includes(file, budget)
    declared = tree.get("Transform")
    transforms = declared if isinstance(declared, list) else [declared]
    kept = [each for each in transforms if not _is_include(each)]
    if len(kept) < len(transforms):
        for transform in filter(_is_include, transforms):
            tree = includes.merge(tree, transform, Place(file, path="Transform"))
        tree["Transform"] = kept or None
    expanded = {
        key: value if key == "Transform" else includes.expand(value, Place(file, path=key))
        for key, value in tree.items()
    }
    return expanded, tuple(includes.files)


def _is_include(transform: Value) -> bool:
    return isinstance(transform, dict) and transform.get("Name") == NAME


class _Includes:
    """The files that one template includes."""

    def __init__(self, file: Path, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self.files: list[Path] = []

    def expand(self, value: Value, place: Place) -> Value:
        """Return a value with what is included anywhere in it."""
        if isinstance(value, list):
            return [self.expand(item, place.at(index)) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        expanded = {key: self.expand(inner, place.at(key)) for key, inner in value.items()}
        transform = expanded.get(_FUNCTION)
        if not _is_include(transform):
            return expanded
        return self.merge(expanded, transform, place.at(_FUNCTION))

    def merge(self, into: dict[str, Value], transform: Value, place: Place) -> dict[str, Value]:
        """Return a mapping with the file's keys, without the function; as it is for one in S3."""
        parameters = transform.get("Parameters") if isinstance(transform, dict) else None
        location = parameters.get("Location") if isinstance(parameters, dict) else None
        if location is None:
            raise place.at("Parameters").at("Location").error("is missing")
        if not isinstance(location, str) or location.startswith(("s3://", "https://")):
            return into
        file = self._file.parent / location
        if not file.is_file():
            raise place.error(f"there is no file {file}")
        self.files.append(file)
        included = document.parse(document.read_text(file), file)
        self._budget.spend_tree(included, place)
        rest = {key: value for key, value in into.items() if key != _FUNCTION}
        return self._combine(rest, included, place, location)

    def _combine(
        self, into: dict[str, Value], included: dict[str, Value], place: Place, location: str
    ) -> dict[str, Value]:
        combined = dict(into)
        for key, value in included.items():
            present = combined.get(key)
            if isinstance(present, dict) and isinstance(value, dict):
                combined[key] = self._combine(present, value, place, location)
            elif key in combined:
                raise place.error(f"{location} has {key!r}, which is there ({kind_of(present)})")
            else:
                combined[key] = value
        return combined
