"""Where the emulator's own parts are found: by functions, and by the core of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Application, Stage, WebSocketApi


def own_endpoints(application: Application, port: int) -> Mapping[str, str]:
    """Return where the functions find what the gateway itself emulates."""
    own = {"AWS_ENDPOINT_URL_LAMBDA": f"http://127.0.0.1:{port}"}
    stages = [
        stage.name for api in application.websocket_apis.values() for stage in api.stages.values()
    ]
    if len(stages) == 1:
        own["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = f"http://127.0.0.1:{port}/{stages[0]}"
    return own


def places(application: Application) -> Mapping[bytes, tuple[WebSocketApi, Stage]]:
    """Return every path that `@connections` of a stage goes by, as it stands in requests."""
    stages = [
        (api, stage) for api in application.websocket_apis.values() for stage in api.stages.values()
    ]
    names = [stage.name for _, stage in stages]
    places: dict[bytes, tuple[WebSocketApi, Stage]] = {}
    for api, stage in stages:
        prefixes = [f"/_apis/{api.logical_id}/{stage.name}"]
        if names.count(stage.name) == 1:
            prefixes.append(f"/{stage.name}")
        for prefix in prefixes:
            for at in ("@", "%40"):
                places[f"{prefix}/{at}connections".encode()] = (api, stage)
    return places
