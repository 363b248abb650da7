"""The same handlers by both transports: ours, and AWS's client over the Runtime API.

The answers are the same bytes. That proves the Runtime API too: the client is AWS's.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from local_gateway.api import Function
    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
BOOTSTRAP = """\
#!/bin/sh
export AWS_EXECUTION_ENV=AWS_Lambda_{runtime}
exec {python} -X utf8 -m awslambdaric "$_HANDLER"
"""


async def assert_same(start_host: StartHost, function: Function, event: bytes = b"{}") -> None:
    script = BOOTSTRAP.format(runtime=function.runtime, python=sys.executable)
    (function.code / "bootstrap").write_text(script)
    (function.code / "bootstrap").chmod(0o755)
    official = replace(function, logical_id="Official", runtime="provided.al2023")
    host = await start_host(function, official)

    ours = await host.functions.invoke("F", event, request_id=REQUEST_ID)
    theirs = await host.functions.invoke("Official", event, request_id=REQUEST_ID)

    assert (ours.payload, ours.function_error) == (theirs.payload, theirs.function_error)


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
