"""The resources that a template's conditions leave in, as the builders of the model read them.

A builder (`local_gateway.resources`) asks for the resources of its types and, since templates refer
by ARN, name or id, for the resource behind a value that it has resolved.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from local_gateway import samtransform
from local_gateway.api import Ignored
from local_gateway.properties import Properties
from local_gateway.tree import Place, Value, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from local_gateway.errors import TemplateError
    from local_gateway.intrinsics import Resolver

_FUNCTION_ARN: Final = re.compile(
    r"(?P<arn>arn:[^:]*:lambda:[^:]*:[^:]*:function:(?P<name>[^:/]+))(?::[^:/]+)?"
)
_LOGICAL_ID: Final = re.compile(r"[A-Za-z0-9]{1,255}")

_SILENT: Final = frozenset(
    {
        "AWS::ApiGateway::ApiKey",
        "AWS::ApiGateway::UsagePlan",
        "AWS::ApiGateway::UsagePlanKey",
        "AWS::ApiGatewayV2::Api",
        "AWS::ApiGatewayV2::ApiMapping",
        "AWS::ApiGatewayV2::Authorizer",
        "AWS::ApiGatewayV2::Deployment",
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::IntegrationResponse",
        "AWS::ApiGatewayV2::Model",
        "AWS::ApiGatewayV2::Route",
        "AWS::ApiGatewayV2::RouteResponse",
        "AWS::ApiGatewayV2::Stage",
        "AWS::CDK::Metadata",
        "AWS::DynamoDB::Table",
        "AWS::Events::Rule",
        "AWS::Lambda::Alias",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Lambda::Version",
        "AWS::SQS::Queue",
        "AWS::Scheduler::Schedule",
    }
)
"""Types that are emulated, or whose absence nobody can notice (a snapshot, a version)."""


_REASONS: Final = {
    "AWS::CloudFormation::Stack": "a nested stack; its template can be served on its own, and what "
    "is read of its outputs be given with --import",
}
"""Why types are not emulated, where the type doesn't say it."""


class Declarations:
    """A template's resources, and what of them is left out."""

    def __init__(
        self, resolver: Resolver, file: Path, *, overridden: Mapping[str, Mapping[str, str]]
    ) -> None:
        """Take what resolves the values.

        `overridden` are environment variables by function and name, as `--env-vars` gives them.
        """
        self.resolver = resolver
        self.file = file
        self.identity = resolver.identity
        self.overridden = overridden
        self._ignored: list[Ignored] = []
        self._left_out: dict[str, TemplateError] = {}
        self._kinds = {
            logical_id: self._check(logical_id, resource)
            for logical_id, resource in resolver.resources.items()
            if resolver.is_active(logical_id)
        }
        self._ids: dict[tuple[str, str], str | None] = {}

    def __iter__(self) -> Iterator[str]:
        """Go through the logical ids of all active resources."""
        return iter(self._kinds)

    def of_type(self, *kinds: str) -> Iterator[tuple[str, Properties]]:
        """Go through the active resources of these types, in the order of the file."""
        for logical_id, kind in self._kinds.items():
            if kind in kinds:
                yield logical_id, self.properties(logical_id)

    def kind(self, logical_id: str) -> str:
        """Return the type of an active resource."""
        return self._kinds[logical_id]

    def properties(self, logical_id: str) -> Properties:
        """Return a resource's properties."""
        return self._section(logical_id, "Properties")

    def metadata(self, logical_id: str) -> Properties:
        """Return a resource's metadata: how SAM builds it, where CDK keeps its code."""
        return self._section(logical_id, "Metadata")

    def source(self, logical_id: str) -> str:
        """Return the resource of the author's file that the SAM transform made this one from."""
        return self.metadata(logical_id).text(samtransform.SOURCE, logical_id)

    def name(self, logical_id: str) -> str:
        """Return the name that AWS knows a resource by."""
        return self.resolver.references.name(logical_id, Place(self.file, logical_id))

    def arn(self, logical_id: str) -> str:
        """Return a resource's ARN."""
        return self.resolver.references.arn(logical_id, Place(self.file, logical_id))

    def id(self, logical_id: str) -> str:
        """Return what `Ref` gives: an id, a URL, a name."""
        place = Place(self.file, logical_id)
        return self.resolver.text({"Ref": logical_id}, place)

    def find(self, kind: str, identifier: str) -> str | None:
        """Return the logical id of the resource of this type whose `Ref` or ARN this is."""
        key = (kind, identifier)
        if key not in self._ids:
            self._ids[key] = next(
                (
                    logical_id
                    for logical_id, found in self._kinds.items()
                    if found == kind and identifier in {self.id(logical_id), self.arn(logical_id)}
                ),
                None,
            )
        return self._ids[key]

    def find_function(self, text: str, *, is_invoked: bool = True) -> str | None:
        """Return the function behind a name or ARN, with or without a version or alias.

        Raises:
            TemplateError: It is one that can't run here, and `is_invoked`.
        """
        match = _FUNCTION_ARN.fullmatch(text)
        identifier = match["arn"] if match else text.partition(":")[0]
        logical_id = self.find("AWS::Lambda::Function", identifier)
        if is_invoked and logical_id in self._left_out:
            raise self._left_out[logical_id]
        return logical_id

    def leave_out(self, logical_id: str, error: TemplateError) -> None:
        """Note a function that can't run here: an error for whatever invokes it."""
        self._left_out[logical_id] = error
        self.ignore(logical_id, f"{error.path}: {error.problem}")

    def ignore(self, logical_id: str, reason: str, *, kind: str | None = None) -> None:
        """Note a resource, or a part of one, that is not emulated, once."""
        kind = kind or self._kinds[logical_id]
        ignored = Ignored(logical_id=logical_id, type=kind, reason=reason)
        if ignored not in self._ignored:
            self._ignored.append(ignored)

    def ignored(self) -> tuple[Ignored, ...]:
        """Return what the builders have noted, and every resource of a type that none reads."""
        unknown = [
            Ignored(logical_id=logical_id, type=kind, reason=_REASONS.get(kind, ""))
            for logical_id, kind in self._kinds.items()
            if kind not in _SILENT
        ]
        return (*unknown, *self._ignored)

    def _check(self, logical_id: str, resource: Value) -> str:
        """Return the type of a resource, once its shape is known to be right."""
        place = Place(self.file, logical_id)
        if not _LOGICAL_ID.fullmatch(logical_id):
            raise place.error("is no logical id", allowed="up to 255 letters and digits")
        if not isinstance(resource, dict):
            raise place.error(f"is {kind_of(resource)}", allowed="a mapping with Type")
        kind = resource.get("Type")
        if not isinstance(kind, str):
            raise place.at("Type").error("is missing" if kind is None else f"is {kind_of(kind)}")
        return kind

    def _section(self, logical_id: str, name: str) -> Properties:
        place = Place(self.file, logical_id, name)
        resource = self.resolver.resources[logical_id]
        section = resource.get(name) if isinstance(resource, dict) else None
        if section is None:
            section = {}
        if not isinstance(section, dict):
            raise place.error(f"is {kind_of(section)}", allowed="a mapping")
        return Properties(section, self.resolver, place)
