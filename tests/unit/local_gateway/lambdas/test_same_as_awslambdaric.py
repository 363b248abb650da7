"""The same handlers by our transport and by AWS's own over HTTP: the answers are the same bytes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import orjson
import pytest

from local_gateway.lambdas.variables import environment_variables
from tests.unit.local_gateway.lambdas.conftest import IDENTITY

if TYPE_CHECKING:
    from local_gateway.api import Function
    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

PREFIX = "/2018-06-01/runtime"
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


@dataclass
class RuntimeApi:
    """One event of Lambda's Runtime API (Lambda developer guide, "Runtime API")."""

    event: bytes
    arn: str
    answers: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    """`response`, `error` or `init`, and the body."""
    answered: threading.Event = field(default_factory=threading.Event)

    def serve(self) -> ThreadingHTTPServer:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if api.answers:
                    api.answered.set()
                    self.close_connection = True
                    return
                self.send_response(200)
                deadline = time.time_ns() // 1_000_000 + 30_000  # noqa: TID251 — of a real process
                for name, value in {
                    "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": api.arn,
                    "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
                    "Content-Type": "application/json",
                    "Content-Length": str(len(api.event)),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(api.event)

            def do_POST(self) -> None:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = self._chunks()
                else:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = "init" if "/init/" in self.path else self.path.rpartition("/")[2]
                api.answers.append((kind, body))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _chunks(self) -> bytes:
                body = b""
                while length := int(self.rfile.readline(), 16):
                    body += self.rfile.read(length)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def log_request(self, code: object = "-", size: object = "-") -> None:
                pass

        return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def run_official(function: Function, event: bytes) -> tuple[bytes, bool] | int:
    """Return the body of the answer and whether it is an error, or the status it exited with."""
    api = RuntimeApi(event, function.arn)
    with api.serve() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        variables = environment_variables(function, IDENTITY, extra={})
        variables["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{server.server_port}"
        command = [sys.executable, "-X", "utf8", "-m", "awslambdaric", function.handler]
        with subprocess.Popen(
            command,
            cwd=function.code,
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while not api.answered.wait(0.01) and process.poll() is None:
                pass
            process.kill()
        server.shutdown()
    if api.answers:
        kind, body = api.answers[0]
        return body, kind != "response"
    return process.returncode


VALUES = {
    "a value": "{'statusCode': 200, 'body': 'x', 'n': [1, 2.5, None, True]}",
    "nothing": "None",
    "unicode": "'Zoë ☃ 🎉 \\u2028'",
    "a tuple": "(1, 2)",
    "numbers as keys": "{1: 'a', None: 'b', True: 'c'}",
    "decimals": "[Decimal('1.10'), Decimal('1E+3'), Decimal('NaN'), Decimal('Infinity')]",
    "not a number": "[float('nan'), float('inf')]",
    "a large integer": "2 ** 200",
    "bytes": "b'\\x00\\xff'",
    "an enum of integers": "IntEnum('E', 'A').A",
    "a named tuple": "namedtuple('N', 'a')(1)",
    "a set": "{1}",
    "an object": "object()",
    "bytes inside": "{'a': b'x'}",
    "a circle": "circle",
    "deep nesting": "nested",
    "a lone surrogate": "'\\ud800'",
    "six megabytes": "'x' * 6_200_000",
    "the event": "event",
    "the context": "[context.aws_request_id, context.invoked_function_arn, context.function_name]",
    "the trace id's presence": "'_X_AMZN_TRACE_ID' in os.environ",
}
STATEMENTS = {
    "an exception": "raise ValueError('boom')",
    "an exception without a text": "raise ValueError",
    "an exception with unicode": "raise ValueError('Zoë ☃')",
    "an exception with a surrogate": "raise ValueError('\\ud800')",
    "one of its own": "raise Own('a', 1)",
    "a chain": "\n    try: 1 / 0\n    except Exception as e: raise KeyError('k') from e",
    "deep inside": "json.loads('{')",
    "exit": "sys.exit(3)",
    "a fault of its own": "raise FaultException('My.Type', 'text', ['line'])",
}
SOURCE = """
import json, os, sys
from awslambdaric.lambda_runtime_exception import FaultException
from collections import namedtuple
from decimal import Decimal
from enum import IntEnum
class Own(Exception): pass
circle = []
circle.append(circle)
nested = []
for _ in range(100_000): nested = [nested]
def handler(event, context):
    {statement}
"""
INITS = {
    "no such handler": ("app.nothing", "pass"),
    "no such module": ("nothing.handler", "pass"),
    "a failing import": ("app.handler", "import nothing_there"),
    "a failing import from": ("app.handler", "from json import nothing"),
    "a syntax error": ("app.handler", "def handler(:"),
    "an exception": ("app.handler", "def f(): raise ValueError('no')\nf()"),
    "a name without a dot": ("handler", "pass"),
    "a module of the interpreter": ("sys.exit", "pass"),
    "slashes": ("inner/deep.handler", "pass"),
    "an exit": ("app.handler", "import sys; sys.exit(9)"),
    "a handler that can't be called": ("app.handler", "handler = 1"),
    "a marshaller of its own": (
        "app.handler",
        """
            from awslambdaric.lambda_runtime_client import LambdaRuntimeClient as C
            class M(type(C.marshaller)):
                def marshal_response(self, response): return '"own"', 'application/json'
            C.marshaller = M()
            def handler(event, context): return 1
        """,
    ),
}
EVENTS = {
    "an object": b'{"a": [1, 2.5, "\\u2603"]}',
    "raw unicode": '"☃"'.encode(),
    "not JSON": b"{",
    "not UTF-8": b'"\xff"',
    "a duplicate key": b'{"a": 1, "a": 2}',
    "not a number": b"[NaN, Infinity]",
    "deep nesting": b"[" * 100_000,
    "a number too long": b"1" * 5_000,
    "six megabytes": b'"' + b"x" * 6_200_000 + b'"',
}


async def assert_same(start_host: StartHost, function: Function, event: bytes = b"{}") -> None:
    host = await start_host(function)

    ours = await host.functions.invoke("F", event, request_id=REQUEST_ID)
    theirs = run_official(function, event)

    if isinstance(theirs, int):
        fault = orjson.loads(ours.payload)
        assert fault == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {REQUEST_ID} Error: Runtime exited with error: "
            f"exit status {theirs}",
        }
    else:
        assert (ours.payload, ours.function_error is not None) == theirs


@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_results(
    start_host: StartHost, write_function: WriteFunction, value: str, runtime: str
) -> None:
    source = SOURCE.format(statement=f"return {value}")

    await assert_same(start_host, write_function(source, runtime=runtime, timeout_seconds=30))


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
async def test_exceptions(
    start_host: StartHost, write_function: WriteFunction, statement: str
) -> None:
    source = SOURCE.format(statement=statement)

    await assert_same(start_host, write_function(source, timeout_seconds=30))


@pytest.mark.parametrize(("handler", "source"), INITS.values(), ids=INITS)
async def test_loading(
    start_host: StartHost, write_function: WriteFunction, handler: str, source: str
) -> None:
    files = {"inner/deep.py": "def handler(event, context): return __name__"}

    await assert_same(start_host, write_function(source, handler=handler, files=files))


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
async def test_events(start_host: StartHost, write_function: WriteFunction, event: bytes) -> None:
    await assert_same(start_host, write_function(timeout_seconds=30), event)
