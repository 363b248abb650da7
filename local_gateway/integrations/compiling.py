"""From an integration of the template to the target that a stage calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway.integrations.custom import CustomTarget
from local_gateway.integrations.function import FunctionBackend
from local_gateway.integrations.mapping import ParameterMapping
from local_gateway.integrations.mock import MockBackend
from local_gateway.stage_variables import replace_stage_variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.api import CustomIntegration, Stage
    from local_gateway.integration import FunctionRunner, Target
    from local_gateway.integrations.http import HttpBackend
    from local_gateway.integrations.http_client import HttpClient


def compile_custom(
    integration: CustomIntegration,
    stage: Stage,
    functions: FunctionRunner,
    http_client: Callable[[], HttpClient],
) -> Target:
    """Return the target of an integration of any type but `AWS_PROXY`.

    `http_client` is asked by those that need it.
    """
    match integration.kind:
        case "MOCK":
            return CustomTarget(integration, MockBackend())
        case "AWS":
            function = integration.functions.get(stage.name, integration.function)
            return CustomTarget(integration, FunctionBackend(functions, function or ""))
        case "HTTP":
            return CustomTarget(integration, _http(integration, stage, http_client()))
        case "HTTP_PROXY":
            from local_gateway.integrations.http import HttpProxyTarget  # noqa: PLC0415 — see below

            return HttpProxyTarget(
                _http(integration, stage, http_client()),
                ParameterMapping(integration.parameters),
                integration.timeout_ms,
            )


def _http(integration: CustomIntegration, stage: Stage, client: HttpClient) -> HttpBackend:
    from local_gateway.integrations.http import HttpBackend  # noqa: PLC0415 — aiohttp takes 0.3 s

    uri = replace_stage_variables(integration.uri or "", stage.variables)
    return HttpBackend(client, integration, uri)
