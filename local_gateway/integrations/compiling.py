"""From an integration of the template to the target that a stage calls."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local_gateway.integrations.custom import CustomTarget
from local_gateway.integrations.function import FunctionBackend
from local_gateway.integrations.mapping import ParameterMapping
from local_gateway.integrations.mock import MockBackend
from local_gateway.stage_variables import replace_stage_variables

if TYPE_CHECKING:
    from local_gateway.api import CustomIntegration, Stage
    from local_gateway.assumptions import Assumptions
    from local_gateway.integration import Target
    from local_gateway.integrations.backend import Backend, Backends
    from local_gateway.integrations.http import HttpBackend


def compile_custom(
    integration: CustomIntegration,
    stage: Stage,
    backends: Backends,
    *,
    is_answered: bool,
    assumptions: Assumptions,
) -> Target:
    """Return the target of an integration of any type but `AWS_PROXY`.

    `is_answered` says whether the route is a two-way one, or `$connect`.
    """
    match integration.kind:
        case "MOCK":
            backend: Backend = MockBackend(assumptions)
        case "AWS":
            backend = _aws(integration, stage, backends)
        case "HTTP":
            backend = _http(integration, stage, backends)
        case "HTTP_PROXY":
            from local_gateway.integrations.http import HttpProxyTarget  # noqa: PLC0415 — see below

            return HttpProxyTarget(
                _http(integration, stage, backends),
                ParameterMapping(integration.parameters),
                integration.timeout_ms,
            )
    return CustomTarget(integration, backend, is_answered=is_answered, assumptions=assumptions)


def _aws(integration: CustomIntegration, stage: Stage, backends: Backends) -> Backend:
    action = integration.service
    if action is None:
        function = integration.functions.get(stage.name, integration.function)
        return FunctionBackend(backends.functions, function or "")
    from local_gateway.integrations.service import ServiceBackend  # noqa: PLC0415 — see below

    client = backends.http_client()
    return ServiceBackend(client, backends.services, backends.region, integration, action)


def _http(integration: CustomIntegration, stage: Stage, backends: Backends) -> HttpBackend:
    from local_gateway.integrations.http import HttpBackend  # noqa: PLC0415 — aiohttp takes 0.3 s

    uri = replace_stage_variables(integration.uri or "", stage.variables)
    is_own = urlsplit(uri).hostname in backends.own_hosts
    gateway = backends.gateway_url if is_own else None
    return HttpBackend(backends.http_client(), integration, uri, gateway)
