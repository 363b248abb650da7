"""What a person does to connections: speak as their client, post, cut, open one with any headers.

A message "from the client" takes the way of one that came from the wire, from the route selection
on. It doesn't keep the connection from idling: nothing came.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from local_gateway.limits import MESSAGE_BYTES
from local_gateway.own import Refusal, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from websockets.asyncio.client import ClientConnection

    from local_gateway.api import Application, Stage, WebSocketApi
    from local_gateway.inspector.journal import Journal
    from local_gateway.management import ManagementApi
    from local_gateway.registry import OpenConnection

MOST_CLIENTS: Final = 100
"""How many clients the page can have at a time. Ours."""

_OPEN_SECONDS: Final = 35
"""A little longer than an integration may take."""


class Acting:
    """Resources that do something to connections."""

    def __init__(
        self,
        application: Callable[[], Application],
        *,
        management: ManagementApi,
        journal: Journal,
        url: Callable[[], str],
    ) -> None:
        """Take what is served, and where: `url` is such as `ws://127.0.0.1:3000`."""
        self._application = application
        self._management = management
        self._journal = journal
        self._url = url
        self._clients: dict[ClientConnection, asyncio.Task[None]] = {}

    def resources(self) -> list[Resource]:
        """Return what serves them.

        `POST /connections/{id}/messages` and `POST /connections/{id}/posts` take `{"text": …}`,
        `DELETE /connections/{id}` nothing; `POST /clients` takes `stage`, and may take `api`,
        `query` and `headers` (objects of texts) and `subprotocols` (a list).
        """
        return [
            Resource("/connections/{}/messages", POST=self._send),
            Resource("/connections/{}/posts", POST=self._post),
            Resource("/connections/{}", DELETE=self._delete),
            Resource("/clients", POST=self._open),
        ]

    async def stop(self) -> None:
        """Close the clients."""
        for client, reading in list(self._clients.items()):
            reading.cancel()
            client.transport.abort()

    async def _send(self, body: object, path: Sequence[str]) -> object:
        text = _read_text(body)
        self._find(path[0])[2].on_text(text)
        return {"connectionId": path[0]}

    async def _post(self, body: object, path: Sequence[str]) -> object:
        data = _read_text(body).encode()
        api, stage, connection = self._find(path[0])
        answer = self._management.post_to_connection(api, stage, connection.connection_id, data)
        self._journal.posted(path[0], answer.status, data)
        return {"connectionId": path[0], "status": answer.status}

    async def _delete(self, _body: object, path: Sequence[str]) -> object:
        api, stage, connection = self._find(path[0])
        answer = self._management.delete_connection(api, stage, connection.connection_id)
        self._journal.deleted(path[0], answer.status)
        return {"connectionId": path[0], "status": answer.status}

    async def _open(self, body: object, _path: Sequence[str]) -> object:
        wanted = _read_client(body)
        if len(self._clients) >= MOST_CLIENTS:
            raise Refusal(f"there are {MOST_CLIENTS} clients of this page already", status=429)
        path = self._path_of(wanted.stage, wanted.api)
        query = f"?{urlencode(wanted.query)}" if wanted.query else ""
        try:
            client = await connect(
                f"{self._url()}/{path}{query}",
                additional_headers=wanted.headers,
                subprotocols=[Subprotocol(each) for each in wanted.subprotocols] or None,
                open_timeout=_OPEN_SECONDS,
                ping_interval=None,
                max_size=None,
                proxy=None,
            )
        except InvalidStatus as error:
            answer = error.response
            return {"status": answer.status_code, "body": answer.body.decode(errors="replace")}
        except (OSError, ValueError, InvalidHandshake) as error:
            raise Refusal(f"no connection: {error}") from error
        self._clients[client] = asyncio.create_task(self._read(client))
        return {"status": 101, "subprotocol": client.subprotocol}

    async def _read(self, client: ClientConnection) -> None:
        """Let a client take what it gets, which the journal shows."""
        try:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await client.recv()
        finally:
            del self._clients[client]

    def _path_of(self, stage: str, api: str | None) -> str:
        apis = self._application().websocket_apis
        having = [each.logical_id for each in apis.values() if stage in each.stages]
        if api is None and len(having) == 1:
            return stage
        if api not in having:
            known = [f"{each.logical_id}/{name}" for each in apis.values() for name in each.stages]
            raise Refusal(f"there is no stage {api or ''}/{stage}", status=404, allowed=known)
        return f"_apis/{api}/{stage}"

    def _find(self, connection_id: str) -> tuple[WebSocketApi, Stage, OpenConnection]:
        for api in self._application().websocket_apis.values():
            for stage in api.stages.values():
                found = self._management.registry.find(api, stage, connection_id)
                if found is not None:
                    return api, stage, found
        raise Refusal(f"no connection {connection_id} is open", status=404)


def _read_text(body: object) -> str:
    """Return the text of `{"text": …}`, or refuse it."""
    text: object = cast("dict[str, object]", body).get("text") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise Refusal('the body is not {"text": TEXT}')
    if len(text.encode()) > MESSAGE_BYTES:
        raise Refusal(f"a message has at most {MESSAGE_BYTES} bytes", status=413)
    return text


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client is to be opened with."""

    stage: str
    api: str | None = None
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    subprotocols: list[str] = []


def _read_client(body: object) -> Wanted:
    """Return what a client is to be opened with, or refuse it."""
    try:
        return msgspec.convert(body, Wanted)
    except msgspec.ValidationError as error:
        raise Refusal(f"no client: {error}", allowed=Wanted.__struct_fields__) from error
