"""What the hooks into the AWS SDKs have to know, written for their processes as JSON.

The hooks are `lambdas/sdk_redirect.py`, where the format is, and `lambdas/node/sdk_redirect.cjs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Application

_VARIABLE: Final = "AWS_ENDPOINT_URL_"


def write(application: Application, gateway: str, environment: Mapping[str, str]) -> str:
    """Return the configuration of the hooks.

    Args:
        application: Its WebSocket APIs are what deployed addresses and custom domains stand for.
        gateway: The emulator's URL, without a slash at its end.
        environment: Variables of the functions, of which the SDKs' endpoints are taken.
    """
    services = {
        name.removeprefix(_VARIABLE): url
        for name, url in environment.items()
        if name.startswith(_VARIABLE)
    }
    apis = {
        api.api_id: {"name": api.logical_id, "stages": list(api.stages)}
        for api in application.websocket_apis.values()
    }
    domains = {
        domain: {key: {"name": each.api, "stage": each.stage} for key, each in mappings.items()}
        for domain, mappings in application.custom_domains.items()
    }
    configuration = {
        "gateway": gateway,
        "apis": apis,
        "http_apis": [api.api_id for api in application.http_apis.values()],
        "domains": domains,
        "services": services,
    }
    return orjson.dumps(configuration).decode()
