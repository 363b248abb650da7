"""`@connections`: how a function, or anybody, posts to a connection, looks at it and deletes it.

`post_to_connection`, `get_connection` and `delete_connection` of boto3's `apigatewaymanagementapi`
end here (MANAGE). A post is written to the client's socket before it is answered, and
nothing is awaited in between. A 200 means just that: handed to the socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import orjson

from local_gateway import answer, clock, limits
from local_gateway import why as reasons
from local_gateway.answer import Answer
from local_gateway.assumptions import DEFAULTS
from local_gateway.authorization.access import Access
from local_gateway.authorization.errors import AuthorizationError
from local_gateway.authorization.signature import SentRequest
from local_gateway.ids import CONNECTION_ID, GatewayIds
from local_gateway.inspector.journal import Journal, trace_of
from local_gateway.privileges.record import function_of
from local_gateway.times import iso
from local_gateway.why import Why

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.api import Application, Stage, WebSocketApi
    from local_gateway.assumptions import Assumptions
    from local_gateway.limits import TokenBucket
    from local_gateway.privileges.record import CallRecord
    from local_gateway.registry import OpenConnection, Registry
    from local_gateway.server import Direct, Headers, Receive, Reply, Scope, Send


_MANAGE = "execute-api:ManageConnections"
_EMPTY = answer.error(400, "BadRequestException", "Data is empty")
_NOT_TEXT = answer.error(400, "BadRequestException", "Data is not UTF-8")


class ManagementApi:
    """The management API of every stage; whoever calls it has found the stage, and vice versa."""

    def __init__(  # noqa: PLR0913 — what it shares with the other fronts
        self,
        application: Application,
        registry: Registry,
        *,
        account_rate: TokenBucket | None = None,
        access: Access | None = None,
        assumptions: Assumptions = DEFAULTS,
        why: Why | None = None,
        journal: Journal | None = None,
        record: CallRecord | None = None,
    ) -> None:
        """Take what is served.

        Args:
            application: Its WebSocket APIs are managed.
            registry: Where the open connections are.
            account_rate: Posts beyond it are refused with 429; None is unlimited.
            access: Whose signatures count; None lets every request pass.
            assumptions: What is open, decided.
            why: Is told wherever AWS would surprise.
            journal: Is told of each request.
            record: Notes what functions call.
        """
        self.registry = registry
        """Where the open connections are found."""
        self._account_rate = account_rate
        self._sends_empty = assumptions.empty_post == "frame"
        self._replaces = assumptions.non_utf8_post == "replaced"
        self._why = why or Why()
        self._journal = Journal() if journal is None else journal
        self._record = record
        self._access = Access(application, says=self._why) if access is None else access
        self._signatures = self._access.signatures
        self.reload(application)

    def reload(self, application: Application) -> None:
        """Manage the APIs of a changed template from now on."""
        self._ids = {
            api.logical_id: GatewayIds(api.api_id) for api in application.websocket_apis.values()
        }

    async def __call__(
        self,
        api: WebSocketApi,
        stage: Stage,
        raw_connection_id: str,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request (ASGI `http`); the id is percent-encoded, as it stood in the path."""
        gateway_id = self._ids[api.logical_id].new_request_id(clock.now_ms())
        connection_id = unquote(raw_connection_id)
        body = await _read(receive, limits.MESSAGE_BYTES)
        signed = SentRequest(
            scope["method"],
            scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            scope["headers"],
            body or b"",
        )
        if self._record is not None:
            self._note_call(self._record, api, stage, scope["method"], scope["headers"])
        refusal = None if body is None else self._refuse(api, stage, connection_id, signed)
        if refusal is not None:
            result = refusal
        elif scope["method"] == "POST":
            result = self.post_to_connection(api, stage, connection_id, body)
        elif scope["method"] == "GET":
            result = self.get_connection(api, stage, connection_id)
        elif scope["method"] == "DELETE":
            result = self.delete_connection(api, stage, connection_id)
        else:
            result = answer.FORBIDDEN
        self._note(scope, connection_id, result.status, body or b"")
        await answer.respond(send, result, gateway_id)

    def _note(self, scope: Scope, connection_id: str, status: int, body: bytes) -> None:
        trace = trace_of(scope["headers"])
        if scope["method"] == "POST":
            self._journal.posted(connection_id, status, body, trace)
        elif scope["method"] == "DELETE":
            self._journal.deleted(connection_id, status, trace)
        elif scope["method"] == "GET":
            self._journal.looked(connection_id, status, trace)

    def _note_call(
        self, record: CallRecord, api: WebSocketApi, stage: Stage, method: str, headers: Headers
    ) -> None:
        function = function_of(headers)
        if function is not None:
            key = f"{method}/@connections/*"
            record.note(function, _MANAGE, self._access.permissions.route_arn(api, stage, key))

    def answer_directly(
        self,
        places: Mapping[bytes, tuple[WebSocketApi, Stage]],
        *,
        admits: Callable[[Headers], bool],
    ) -> Direct:
        """Return what answers posts at the server core's speed.

        Args:
            places: The stages by the path of their management API as it is requested, such as
                `/dev/@connections` and `/dev/%40connections`.
            admits: Whether a request with these headers may be answered; any other one is left to
                the ASGI application, which refuses it in its own words.
        """

        def direct(method: str, target: bytes, headers: Headers) -> Reply | None:
            path, _, raw_id = target.rpartition(b"/")
            place = places.get(path)
            if place is None or method != "POST" or b"?" in raw_id or not admits(headers):
                return None
            connection_id = unquote(raw_id.decode("ascii", "replace").replace("%3D", "="))

            if self._record is not None:
                self._note_call(self._record, *place, method, headers)

            def reply(body: bytes | None) -> bytes:
                gateway_id = self._ids[place[0].logical_id].new_request_id(clock.now_ms())
                refusal = None
                if body is not None and self._signatures.is_due():
                    signed = SentRequest(method, target.decode("latin-1"), "", headers, body)
                    refusal = self._refuse(*place, connection_id, signed)
                result = refusal or self.post_to_connection(*place, connection_id, body)
                self._journal.posted(connection_id, result.status, body or b"", trace_of(headers))
                return answer.write_response(result, gateway_id)

            return reply

        return direct

    def post_to_connection(
        self, api: WebSocketApi, stage: Stage, connection_id: str, body: bytes | None
    ) -> Answer:
        """Send `body` as one text message; None stands for one over the limit."""
        found = self._find(api, stage, connection_id)
        if body is None:
            return answer.PAYLOAD_TOO_LARGE
        if isinstance(found, Answer):
            return found
        if self._account_rate is not None and not self._account_rate.take(clock.monotonic()):
            return answer.LIMIT_EXCEEDED
        if not body and not self._sends_empty:
            return _EMPTY
        if not body.isascii():
            text = self._as_text(body, found)
            if text is None:
                return _NOT_TEXT
            body = text
        return answer.OK if found.post(body) else answer.LIMIT_EXCEEDED

    def get_connection(self, api: WebSocketApi, stage: Stage, connection_id: str) -> Answer:
        """Describe a connection (MANAGE-4)."""
        found = self._find(api, stage, connection_id)
        if isinstance(found, Answer):
            return found
        facts = {
            "connectedAt": iso(found.connected_at),
            "identity": {"sourceIp": found.source_ip, "userAgent": found.user_agent},
            "lastActiveAt": iso(found.last_active_at),
        }
        return Answer(200, body=orjson.dumps(facts))

    def delete_connection(self, api: WebSocketApi, stage: Stage, connection_id: str) -> Answer:
        """Close a connection."""
        found = self._find(api, stage, connection_id)
        if isinstance(found, Answer):
            return found
        found.delete()
        return answer.NO_CONTENT

    def _refuse(
        self, api: WebSocketApi, stage: Stage, connection_id: str, request: SentRequest
    ) -> Answer | None:
        """Return what a request is answered whose signature, or whose role, doesn't allow it."""
        access = self._access
        try:
            credentials = access.signatures.check(
                request, f"@connections of the stage {stage.name}"
            )
            if credentials is not None:
                key = f"{request.method}/@connections/"
                arn = access.permissions.route_arn(api, stage, key)
                shown = f"{arn}{{connectionId}}"
                access.require(credentials, _MANAGE, f"{arn}{connection_id}", shown=shown)
        except AuthorizationError as error:
            return error.answer
        return None

    def _find(self, api: WebSocketApi, stage: Stage, connection_id: str) -> OpenConnection | Answer:
        """Return the connection, or what to answer if there is none (MANAGE-9, MANAGE-11)."""
        found = self.registry.find(api, stage, connection_id)
        if found is not None:
            return found
        if not CONNECTION_ID.fullmatch(connection_id):
            message = f"Invalid connectionId: {connection_id}"
            return answer.error(400, "BadRequestException", message)
        place = f"stage {stage.name}"
        if self.registry.is_pending(connection_id):
            self._why.say(reasons.POST_DURING_CONNECT, place, connection_id=connection_id)
        elif (gone_for := self.registry.gone_for(connection_id, clock.monotonic())) is not None:
            self._why.say(reasons.POST_TO_GONE, place, connection_id=connection_id, ago=gone_for)
        return answer.GONE

    def _as_text(self, body: bytes, connection: OpenConnection) -> bytes | None:
        """Return a body that is UTF-8: what isn't is replaced, or None (MANAGE-17)."""
        try:
            body.decode()
        except UnicodeDecodeError:
            if not self._replaces:
                return None
            place = f"stage {connection.stage_name}"
            self._why.say(reasons.POST_NOT_UTF8, place, connection_id=connection.connection_id)
            return body.decode(errors="replace").encode()
        return body


async def _read(receive: Receive, limit: int) -> bytes | None:
    """Read a request's body; None, with the rest unread, if it is longer than `limit`."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        pieces, length = [body], len(body)
        while message.get("more_body", False) and length <= limit:
            message = await receive()
            pieces.append(message.get("body", b""))
            length += len(pieces[-1])
        body = b"".join(pieces)
    return None if len(body) > limit else body
