"""`AWS::ApiGatewayV2::Deployment`: a snapshot of an API's routes that a stage serves.

CloudFormation makes a deployment as soon as what it depends on is there. A route that it doesn't
depend on may come later, and is then not in the snapshot (DEPLOY-2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from local_gateway.resources import routes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local_gateway.api import Stage
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties
    from local_gateway.tree import Value

_KIND: Final = "AWS::ApiGatewayV2::Deployment"


def with_missing_routes(
    api: str, stages: Mapping[str, Stage], declarations: Declarations
) -> dict[str, Stage]:
    """Return the stages of a WebSocket API, with the routes that they may lack on AWS.

    Raises:
        TemplateError: A stage has no deployment, or one that is none of this template.
    """
    missing = {
        properties.text("StageName"): _missing_routes(api, properties, declarations)
        for _, properties in declarations.of_type("AWS::ApiGatewayV2::Stage")
        if properties.text("ApiId") == declarations.id(api)
    }
    return {name: replace(stage, missing_routes=missing[name]) for name, stage in stages.items()}


def _missing_routes(api: str, stage: Properties, declarations: Declarations) -> tuple[str, ...]:
    if stage.boolean("AutoDeploy"):
        return ()
    identifier = stage.optional_text("DeploymentId")
    if identifier is None:
        raise stage.error(
            "DeploymentId",
            "is missing, so that the stage has nothing to serve (DEPLOY-3)",
            allowed="AutoDeploy: true, or the Ref of an AWS::ApiGatewayV2::Deployment",
        )
    deployment = declarations.find(_KIND, identifier)
    if deployment is None:
        raise stage.error("DeploymentId", f"is {identifier!r}, no deployment of this template")
    there = set(_with_dependencies(deployment, declarations))
    return tuple(
        properties.text("RouteKey")
        for logical_id, properties in routes.of_api(api, declarations)
        if logical_id not in there
    )


def _with_dependencies(logical_id: str, declarations: Declarations) -> Iterator[str]:
    """Yield a resource and all that are there before it."""
    found: set[str] = set()
    left = [logical_id]
    while left:
        current = left.pop()
        if current in found:
            continue
        found.add(current)
        yield current
        left += _depends_on(declarations.resolver.resources.get(current))


def _depends_on(resource: Value) -> list[str]:
    declared = resource.get("DependsOn") if isinstance(resource, dict) else None
    names = declared if isinstance(declared, list) else [declared]
    return [name for name in names if isinstance(name, str)]
