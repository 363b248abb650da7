"""moto's SQS and DynamoDB behind HTTP: the program of the child process.

`python -m local_gateway.services.moto_server OPTIONS` with OPTIONS as JSON: `listen`, the number of
an open listening socket; `pipe`, the number of a socket whose other end the emulator holds;
`account_id`, `region`, `partition`, and `time`, the state of the clock as `PACE OFFSET OFFSET_MS`;
`record`, where functions' calls are recorded, or null.

Lines go out on the pipe: `ready` once, then `QUEUE DUE_MS` for each message that is or will be
there to receive. A line that comes in is another state of the clock, and is answered `heard`,
behind all that was to be said before. End of file ends the process.

A web page can reach any port of loopback, so what a browser sends is refused.

One event loop in one thread serves everything, and moto is called on it: moto isn't safe with
threads, and a lock around it would serve one request at a time just the same. Requests go to moto's
handlers directly. On the way through its Flask application, the same GetItem takes 2.5 times as
long, and the start 0.15 s longer.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import uvicorn
import uvloop
from botocore.exceptions import ClientError
from moto.core.request import Request
from moto.dynamodb.responses import DynamoHandler
from moto.sqs.responses import SQSResponse
from werkzeug.exceptions import HTTPException

from local_gateway import clock
from local_gateway.api import Identity
from local_gateway.browsers import is_cross_site, is_for_this_machine
from local_gateway.privileges import actions
from local_gateway.privileges.record import CallRecord, function_of
from local_gateway.services import moto_answers, moto_queues, moto_tables

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Answer = tuple[int, dict[str, str], bytes]

_HANDLERS: dict[str, Any] = {"sqs": SQSResponse, "dynamodb": DynamoHandler}
_TARGETS = {"AmazonSQS": "sqs", "DynamoDB_20120810": "dynamodb"}
_LONG_POLL_STEP_SECONDS = 0.1
"""How often a long poll looks for messages whose delay or visibility timeout has passed."""


class MotoApp:
    """An ASGI application: AWS's protocols in, moto's answers out."""

    def __init__(
        self, waits: moto_queues.Waits, note: Callable[[Scope, bytes], None] | None = None
    ) -> None:
        """Take what tells how long the last ReceiveMessage wants to wait, and who notes calls."""
        self._waits = waits
        self._note = note
        self._sent = asyncio.Event()

    def wake(self) -> None:
        """Let long polls look again: something was sent."""
        self._sent.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        body = await _read(receive)
        if is_for_this_machine(scope["headers"]) and not is_cross_site(scope["headers"]):
            if self._note is not None:
                self._note(scope, body)
            status, headers, content = await self.answer(scope, body)
        else:
            status, headers, content = _failure(403, "AccessDenied", "this isn't for web pages")
        raw = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
        raw.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})

    async def answer(self, scope: Scope, body: bytes) -> Answer:
        """Answer one request; a receive that finds nothing is repeated while it wants to wait."""
        deadline: float | None = None
        while True:
            self._waits.take()
            answer = _dispatch(scope, body)
            seconds = self._waits.take()
            if not seconds or b'"Messages"' in answer[2] or b"<Message>" in answer[2]:
                return answer
            now = clock.machine()
            deadline = now + seconds if deadline is None else deadline
            if now >= deadline:
                return answer
            self._sent.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(deadline - now, _LONG_POLL_STEP_SECONDS)):
                    await self._sent.wait()


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _dispatch(scope: Scope, body: bytes) -> Answer:
    """Call moto's handler, and turn what comes of it into bytes."""
    environ = _environ(scope, body)
    handler = _HANDLERS.get(_service(environ) or "")
    if handler is None:
        return _failure(400, "UnknownOperationException", "only SQS and DynamoDB are served here")
    request = Request(environ)
    moto_queues.LocalQueue.trace = environ.get("HTTP_X_AMZN_TRACE_ID", "")
    try:
        status, headers, content = handler.dispatch(request, request.raw_url, dict(request.headers))
    except ClientError as error:
        reason = error.response.get("Error", {})
        return _failure(400, reason.get("Code", "ClientError"), reason.get("Message", ""))
    except HTTPException as error:
        named = dict(error.get_headers())
        return error.code or 500, named, (error.description or "").encode()
    except NotImplementedError as error:
        return _failure(501, "NotImplemented", str(error))
    except Exception as error:  # noqa: BLE001 — whatever breaks in moto, the server stays up
        return _failure(500, "InternalFailure", f"{type(error).__name__} in moto: {error}")
    content = content.encode() if isinstance(content, str) else content
    kept = {k: str(v) for k, v in headers.items() if k.lower() not in {"status", "content-length"}}
    return int(status), kept, content


def _failure(status: int, code: str, message: str) -> Answer:
    content = json.dumps({"__type": code, "message": message}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.0", "x-amzn-ErrorType": code}, content


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333), which moto's request is read from."""
    path = unquote_to_bytes(scope["raw_path"]).decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": path,
        "RAW_URI": scope["raw_path"].decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
    }
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        if name == "CONTENT_TYPE":
            environ[name] = raw_value.decode("latin-1")
        elif name not in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            environ[f"HTTP_{name}"] = raw_value.decode("latin-1")
    return environ


def _service(environ: dict[str, Any]) -> str | None:
    """Return whom a request is for: by its target, or for the older query protocol by its scope."""
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return _TARGETS.get(target.split(".", 1)[0])
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0]
    parts = scope.split("/")
    return parts[-2] if len(parts) > 1 else None


def _noting(record: CallRecord, identity: Identity) -> Callable[[Scope, bytes], None]:
    """Return what records the calls of functions."""

    def note(scope: Scope, body: bytes) -> None:
        function = function_of(scope["headers"])
        environ = _environ(scope, body)
        service = _service(environ)
        if function is not None and service in _HANDLERS:
            target = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
            for action, resource in actions.in_request(service, target, body, identity):
                record.note(function, action, resource)

    return note


def _warm_up(region: str) -> None:
    """Let moto load its service models before somebody waits for them: 0.2 s the first time."""
    authorization = f"AWS4-HMAC-SHA256 Credential=local/20260101/{region}/sqs/aws4_request"
    for target in ("AmazonSQS.ListQueues", "DynamoDB_20120810.ListTables"):
        headers = [
            (b"x-amz-target", target.encode()),
            (b"content-type", b"application/x-amz-json-1.0"),
            (b"authorization", authorization.encode()),
            (b"host", b"127.0.0.1"),
        ]
        _dispatch(
            {
                "method": "POST",
                "raw_path": b"/",
                "query_string": b"",
                "server": ("127.0.0.1", 80),
                "headers": headers,
            },
            b"{}",
        )


async def _serve(
    listening: socket.socket,
    pipe: socket.socket,
    region: str,
    note: Callable[[Scope, bytes], None] | None,
) -> None:
    def tell(queue: str, due_ms: int) -> None:
        app.wake()
        # A full pipe drops the word: mappings also look by themselves now and then.
        with contextlib.suppress(OSError):
            pipe.send(f"{queue} {due_ms}\n".encode())

    app = MotoApp(moto_queues.install(tell), note)
    moto_tables.install()
    moto_answers.install()
    _warm_up(region)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,  # moto writes both
        server_header=False,
        timeout_keep_alive=3600,
    )
    server = asyncio.create_task(uvicorn.Server(config).serve(sockets=[listening]))
    pipe.settimeout(0)
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(pipe, b"ready\n")
    with contextlib.suppress(ConnectionError):
        await _hear_time(pipe)
    server.cancel()


async def _hear_time(pipe: socket.socket) -> None:
    """Follow the emulator's time until the pipe ends."""
    loop = asyncio.get_running_loop()
    rest = b""
    while data := await loop.sock_recv(pipe, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            _follow(line.decode().split())
            await loop.sock_sendall(pipe, b"heard\n")


def _follow(words: Sequence[str]) -> None:
    pace, offset, offset_ms = words
    clock.follow(clock.State(int(pace), float(offset), int(offset_ms)))


def main() -> None:
    """Serve until the pipe ends."""
    options = json.loads(sys.argv[1])
    environ = os.environ  # noqa: TID251 — this process's own, which moto and botocore read
    for name in [name for name in environ if name.startswith(("AWS_", "MOTO_"))]:
        del environ[name]  # a profile or an endpoint of the user's is not meant for moto
    environ["AWS_CONFIG_FILE"] = environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    environ["MOTO_ACCOUNT_ID"] = options["account_id"]
    _follow(options["time"].split())
    listening = socket.socket(fileno=options["listen"])
    pipe = socket.socket(fileno=options["pipe"])
    note = None
    if options["record"] is not None:
        identity = Identity(
            region=options["region"],
            account_id=options["account_id"],
            partition=options["partition"],
        )
        note = _noting(CallRecord(Path(options["record"])), identity)
    with contextlib.suppress(asyncio.CancelledError):
        uvloop.run(_serve(listening, pipe, options["region"], note))
    os._exit(0)  # nothing is left to write, and clients' connections needn't be waited for


if __name__ == "__main__":
    main()
