"""Which part of the emulator a path belongs to.

/_gateway/…                                  the emulator's own pages and API
/_apis/{LogicalId}/{stage}[/@connections/…]  a WebSocket API, whatever else the template has
/2015-03-31/functions/…                      the Lambda Invoke API
/{stage}                                     the WebSocket API that has this stage
/{stage}/@connections/{connectionId}         its management API
anything else                                the HTTP API

A request whose Host is that of a deployed API, `{apiId}.execute-api.{region}.amazonaws.com` or a
custom domain of the template, is for this API, and its path what it is on AWS: so is one that an
SDK has signed for there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Application, HttpApi, Stage, WebSocketApi

INVOKE_PREFIX = "/2015-03-31/"
OWN_PREFIX = "/_gateway"
APIS_PREFIX = "/_apis/"
MANAGEMENT = "@connections"


@dataclass(frozen=True, slots=True)
class OwnPage:
    """The emulator's own pages and API."""

    path: str
    """What follows `/_gateway`; nothing is not `/`, which a page is relative to."""


@dataclass(frozen=True, slots=True)
class Invoke:
    """The Lambda Invoke API."""


@dataclass(frozen=True, slots=True)
class Socket:
    """The address that WebSocket clients connect to."""

    api: WebSocketApi
    stage: Stage


@dataclass(frozen=True, slots=True)
class Management:
    """One connection in the management API."""

    api: WebSocketApi
    stage: Stage
    connection_id: str
    """Still percent-encoded."""


@dataclass(frozen=True, slots=True)
class Http:
    """The HTTP API."""

    api: HttpApi


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No API has this path: AWS answers 403 `Forbidden`."""


Address = OwnPage | Invoke | Socket | Management | Http | Nowhere

_NOWHERE = Nowhere()
_EXECUTE_API = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")


class Addressing:
    """The map from paths to parts, made once from the model; a look-up is O(1) in the APIs."""

    def __init__(self, application: Application) -> None:
        """Index the stages; a name that two WebSocket APIs share needs `/_apis/` for each."""
        self._apis = application.websocket_apis
        self._stages: dict[str, Socket] = {}
        shared: set[str] = set()
        for api in application.websocket_apis.values():
            for stage in api.stages.values():
                if stage.name in self._stages:
                    shared.add(stage.name)
                self._stages[stage.name] = Socket(api, stage)
        for name in shared:
            del self._stages[name]
        self._by_id = {api.api_id: api for api in application.websocket_apis.values()}
        self._http_by_id = {api.api_id: Http(api) for api in application.http_apis.values()}
        self._domains = {
            domain: {key: self._socket(each.api, each.stage) for key, each in mappings.items()}
            for domain, mappings in application.custom_domains.items()
        }
        self._http_stages: dict[str, Http] = {}
        self._http: Http | None = None
        for api in application.http_apis.values():
            if api.stage.name == "$default":
                self._http = self._http or Http(api)
            else:
                self._http_stages.setdefault(api.stage.name, Http(api))

    @property
    def stages(self) -> tuple[str, ...]:
        """Return the path of each stage of a WebSocket API."""
        return tuple(
            f"/{stage.name}" if stage.name in self._stages else f"{APIS_PREFIX}{name}/{stage.name}"
            for name, api in self._apis.items()
            for stage in api.stages.values()
        )

    def resolve(self, raw_path: str) -> Address:
        """Return the part that a path belongs to.

        Args:
            raw_path: the path as it came, percent-encoded, without the query.
        """
        if raw_path == OWN_PREFIX or raw_path.startswith(f"{OWN_PREFIX}/"):
            return OwnPage(raw_path[len(OWN_PREFIX) :])
        if raw_path.startswith(INVOKE_PREFIX):
            return Invoke()
        if raw_path.startswith(APIS_PREFIX):
            return self._resolve_named(raw_path[len(APIS_PREFIX) :])
        name, _, rest = raw_path[1:].partition("/")
        name = unquote(name)
        if (socket := self._stages.get(name)) and (inside := _inside(socket, rest)):
            return inside
        if (http := self._http_stages.get(name)) is not None:
            return http
        return self._http or _NOWHERE

    def resolve_at(self, host: str, raw_path: str) -> Address | None:
        """Return the part that a path has at the host of a deployed API; None for other hosts.

        The host of an API that the template doesn't have stands for the one that has the stage: an
        address of another deployment.

        Args:
            host: in lower case, without a port.
            raw_path: as for `resolve`.
        """
        if (mappings := self._domains.get(host)) is not None:
            return _resolve_mapped(mappings, raw_path)
        deployed = _EXECUTE_API.fullmatch(host)
        if deployed is None:
            return None
        if (http := self._http_by_id.get(deployed[1])) is not None:
            return http
        name, _, rest = raw_path[1:].partition("/")
        socket = self._stages.get(unquote(name))
        if (api := self._by_id.get(deployed[1])) is not None:
            stage = api.stages.get(unquote(name))
            socket = None if stage is None else Socket(api, stage)
        return (_inside(socket, rest) if socket else None) or _NOWHERE

    def _socket(self, api: str, stage: str) -> Socket:
        return Socket(self._apis[api], self._apis[api].stages[stage])

    def _resolve_named(self, path: str) -> Address:
        logical_id, _, rest = path.partition("/")
        name, _, rest = rest.partition("/")
        api = self._apis.get(unquote(logical_id))
        stage = api.stages.get(unquote(name)) if api else None
        if api is None or stage is None:
            return _NOWHERE
        return _inside(Socket(api, stage), rest) or _NOWHERE


def _resolve_mapped(mappings: Mapping[str, Socket], raw_path: str) -> Address:
    """Return what a path means at a custom domain: a mapping key stands in place of the stage."""
    name, _, rest = raw_path[1:].partition("/")
    socket = mappings.get(unquote(name))
    if socket is None:
        socket, rest = mappings.get(""), raw_path[1:]
    return (_inside(socket, rest) if socket else None) or _NOWHERE


def _inside(socket: Socket, rest: str) -> Address | None:
    """Return what `rest`, the path behind a stage, means; None if it means nothing there."""
    if not rest:  # a slash behind the stage is accepted
        return socket
    head, _, connection_id = rest.partition("/")
    if unquote(head) == MANAGEMENT:
        return Management(socket.api, socket.stage, connection_id)
    return None
