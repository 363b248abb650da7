"""Lambda's Invoke API: what `boto3.client("lambda", endpoint_url=…).invoke(…)` talks to.

    POST /2015-03-31/functions/{FunctionName}/invocations?Qualifier=…

Lambda API reference, "Invoke". `FunctionName` is a name, a logical id of the template, a partial or
a whole ARN, each with or without a qualifier, percent-encoded. There is one version of a function
here, so every qualifier means `$LATEST`. A client context is not passed on.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import orjson

from local_gateway import clock, ids
from local_gateway.http_api.request import BodyTooLarge, ClientGone, read_body
from local_gateway.lambdas.result import InvocationRefused
from local_gateway.privileges.record import function_of
from local_gateway.sources.asynchronous import AsynchronousInvoker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Application
    from local_gateway.asgi import Receive, Scope, Send
    from local_gateway.integration import Functions
    from local_gateway.privileges.record import CallRecord

MAX_SYNCHRONOUS_BYTES: Final = 6_291_456
"""Payload of a RequestResponse invocation (Lambda developer guide, "Quotas")."""
MAX_ASYNCHRONOUS_BYTES: Final = 1_048_576
"""Payload of an Event invocation (same page)."""

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")
_FUNCTION_NAME = re.compile(
    r"(?:(?:arn:[^:]+:lambda:[^:]+:)?\d{12}:function:|function:)?([A-Za-z0-9_-]+)(?::([^:]+))?"
)
_TYPES = frozenset({"RequestResponse", "Event", "DryRun"})


class Refusal(Exception):
    """An error of the API, as the SDKs read it: a status, a class by header, a message."""

    def __init__(self, status: int, error_type: str, message: str, *, fault: str = "User") -> None:
        """Take the facts; `fault` is `User` or `Server`."""
        self.status = status
        self.error_type = error_type
        self.message = message
        self.fault = fault
        super().__init__(f"{error_type}: {message}")

    @property
    def body(self) -> bytes:
        """Return the JSON that goes with it."""
        return orjson.dumps({"Type": self.fault, "Message": self.message, "message": self.message})


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class InvokeApi:
    """Serves the Invoke API for the functions of one template."""

    def __init__(
        self,
        application: Application,
        functions: Functions,
        *,
        asynchronous: AsynchronousInvoker | None = None,
        record: CallRecord | None = None,
    ) -> None:
        """Take the functions.

        Args:
            application: Its functions are served.
            functions: Runs them.
            asynchronous: Runs Event invocations, by default with retries.
            record: Notes which function invokes which.
        """
        self._record = record
        self._identity = application.identity
        self._functions = functions
        self._asynchronous = asynchronous or AsynchronousInvoker(functions)
        self.reload(application)

    def reload(self, application: Application) -> None:
        """Know the functions of a changed template from now on."""
        self._logical_ids = {name: name for name in application.functions}
        self._logical_ids |= {f.name: name for name, f in application.functions.items()}
        self._names = {name: f.name for name, f in application.functions.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request_id = ids.new_request_id()
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        try:
            answer = await self._answer(scope, headers, receive, request_id)
        except ClientGone:
            return
        except Refusal as refusal:
            named = (("x-amzn-errortype", refusal.error_type),)
            answer = _Answer(refusal.status, named, refusal.body)
        await _respond(send, answer, request_id)

    async def stop(self) -> None:
        """Give up Event invocations that run or wait for a retry."""
        await self._asynchronous.stop()

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[str, str],
        receive: Receive,
        request_id: str,
    ) -> _Answer:
        function = self._find(scope)
        caller = None if self._record is None else function_of(scope["headers"])
        if self._record is not None and caller is not None:
            self._record.note(caller, "lambda:InvokeFunction", self._arn(self._names[function]))
        kind = headers.get("x-amz-invocation-type", "RequestResponse")
        if kind not in _TYPES:
            text = f"{kind!r} is no invocation type: {', '.join(sorted(_TYPES))}"
            raise Refusal(400, "InvalidParameterValueException", text)
        payload = await _read_payload(kind, headers.get("content-length"), receive)
        if kind == "DryRun":
            return _Answer(204)
        if kind == "Event":
            self._asynchronous.submit(function, payload, request_id=request_id)
            return _Answer(202)
        with_log = headers.get("x-amz-log-type") == "Tail"
        return await self._invoke(function, payload, request_id, with_log=with_log)

    async def _invoke(
        self, function: str, payload: bytes, request_id: str, *, with_log: bool
    ) -> _Answer:
        try:
            result = await self._functions.invoke(function, payload, request_id=request_id)
        except InvocationRefused as error:
            raise Refusal(502, "EC2UnexpectedException", str(error), fault="Server") from error
        named = [("x-amz-executed-version", "$LATEST"), ("content-type", "application/json")]
        if result.function_error is not None:
            named.append(("x-amz-function-error", result.function_error))
        if with_log:
            named.append(("x-amz-log-result", b64encode(result.log_tail).decode()))
        return _Answer(200, tuple(named), result.payload)

    def _find(self, scope: Scope) -> str:
        """Return the logical id of the function that a path names."""
        path = _PATH.fullmatch(scope["raw_path"].decode("latin-1"))
        if path is None or scope["method"] != "POST":
            raise Refusal(
                404, "UnknownOperationException", "only Invoke is emulated of Lambda's API"
            )
        named = _FUNCTION_NAME.fullmatch(unquote(path[1]))
        if named is None:
            text = f"{unquote(path[1])!r} is no function name or ARN"
            raise Refusal(400, "ValidationException", text)
        logical_id = self._logical_ids.get(named[1])
        if logical_id is None:
            text = f"Function not found: {self._arn(named[1])}"
            raise Refusal(404, "ResourceNotFoundException", text)
        return logical_id

    def _arn(self, name: str) -> str:
        identity = self._identity
        account = f"{identity.region}:{identity.account_id}"
        return f"arn:{identity.partition}:lambda:{account}:function:{name}"


async def _read_payload(kind: str, content_length: str | None, receive: Receive) -> bytes:
    """Return the event: JSON, and an empty object if there is none."""
    limit = MAX_ASYNCHRONOUS_BYTES if kind == "Event" else MAX_SYNCHRONOUS_BYTES
    try:
        payload = await read_body(content_length, receive, limit)
    except BodyTooLarge as error:
        text = f"The payload is too large for the {kind} invocation type (limit {limit} bytes)"
        raise Refusal(413, "RequestTooLargeException", text) from error
    if not payload:
        return b"{}"
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        text = f"Could not parse request body into json: {error}"
        raise Refusal(400, "InvalidRequestContentException", text) from error
    return payload


async def _respond(send: Send, answer: _Answer, request_id: str) -> None:
    headers = [
        (b"date", clock.http_date(clock.now_ms() // 1000)),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    headers.extend((name.encode(), value.encode()) for name, value in answer.headers)
    if answer.status != 204:  # noqa: PLR2004 — RFC 9110, 8.6: a 204 has no Content-Length
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
