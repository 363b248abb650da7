"""Custom domains of WebSocket APIs: `AWS::ApiGatewayV2::ApiMapping` says what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local_gateway.api import MappedStage
from local_gateway.errors import UnresolvedValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import WebSocketApi
    from local_gateway.declarations import Declarations

_MAPPING: Final = "AWS::ApiGatewayV2::ApiMapping"
_API: Final = "AWS::ApiGatewayV2::Api"


def read(
    declarations: Declarations, apis: Mapping[str, WebSocketApi]
) -> dict[str, dict[str, MappedStage]]:
    """Return stages by domain name and mapping key; a mapping of another API is left out.

    Raises:
        TemplateError: A property is wrong or missing, or the API has no such stage.
    """
    domains: dict[str, dict[str, MappedStage]] = {}
    for logical_id, properties in declarations.of_type(_MAPPING):
        try:
            api = apis.get(declarations.find(_API, properties.text("ApiId")) or "")
            domain = properties.text("DomainName").lower()
        except UnresolvedValue as error:
            declarations.ignore(logical_id, f"{error.path}: {error.problem}")
            continue
        if api is None:
            declarations.ignore(logical_id, "custom domains are for WebSocket APIs alone here")
            continue
        stage = properties.text("Stage")
        if stage not in api.stages:
            raise properties.error(
                "Stage", f"{api.logical_id} has no stage {stage!r}", allowed=", ".join(api.stages)
            )
        key = properties.text("ApiMappingKey", "").strip("/")
        domains.setdefault(domain, {})[key] = MappedStage(api=api.logical_id, stage=stage)
    return domains
