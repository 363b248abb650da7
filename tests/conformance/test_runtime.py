"""What a function runs on, and runtimes that it brings along."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import orjson
import pytest

if TYPE_CHECKING:
    from local_gateway.api import Function
    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction

SHELL_RUNTIME = """\
#!/bin/sh
set -e
api=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation
while :; do
  PYTHON -c "$CLIENT" "$api"
done
"""
CLIENT = """
import sys, urllib.request as http
with http.urlopen(sys.argv[1] + "/next") as event:
    request_id, body = event.headers["Lambda-Runtime-Aws-Request-Id"], event.read()
url = f"{sys.argv[1]}/{request_id}/response"
http.urlopen(http.Request(url, b'{"got": ' + body + b"}", method="POST")).close()
if body == b'"leave"':
    sys.exit(7)
"""


@pytest.fixture
def shell_function(write_function: WriteFunction) -> Function:
    files = {"bootstrap": SHELL_RUNTIME.replace("PYTHON", sys.executable)}
    function = write_function(
        files=files,
        runtime="provided.al2023",
        handler="anything",
        environment={"CLIENT": CLIENT},
        timeout_seconds=30,
    )
    (function.code / "bootstrap").chmod(0o755)
    return function


@pytest.mark.clause("RUNTIME-2")
async def test_an_executable_that_speaks_the_runtime_api_is_a_runtime(
    start_host: StartHost, shell_function: Function
) -> None:
    host = await start_host(shell_function)

    assert [await host.ask("F", {"n": 1}), await host.ask("F", 2)] == [
        {"got": {"n": 1}},
        {"got": 2},
    ]


@pytest.mark.clause("RUNTIME-8")
async def test_a_runtime_that_leaves_after_an_answer_takes_no_event_along(
    start_host: StartHost, shell_function: Function
) -> None:
    host = await start_host(shell_function, max_concurrency=1)

    answers = [await host.ask("F", event) for event in ("leave", 1, "leave", 2)]

    assert answers == [{"got": "leave"}, {"got": 1}, {"got": "leave"}, {"got": 2}]


@pytest.mark.clause("RUNTIME-8")
async def test_a_runtime_that_answers_and_never_asks_again_is_ended_at_the_timeout(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    client = CLIENT.replace("sys.exit(7)", "import threading; threading.Event().wait()")
    function = write_function(
        files={"bootstrap": SHELL_RUNTIME.replace("PYTHON", sys.executable)},
        runtime="provided.al2023",
        environment={"CLIENT": client},
        timeout_seconds=1,
    )
    (function.code / "bootstrap").chmod(0o755)
    host = await start_host(function, max_concurrency=1)

    answers = [await host.ask("F", "leave"), await host.ask("F", 1)]

    assert answers == [{"got": "leave"}, {"got": 1}]
    assert any("did not ask for another event" in line for line in host.lines)


@pytest.mark.clause("RUNTIME-20")
async def test_a_wrapper_starts_the_runtime(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import os, sys
        def handler(event, context):
            return [os.environ["WRAPPED"], bool(sys.flags.utf8_mode)]
    """
    function = write_function(
        source,
        files={"wrapper": '#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n'},
        environment={"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"},
    )
    (function.code / "wrapper").chmod(0o755)
    host = await start_host(function)

    arguments, is_python = await host.ask()

    assert int(arguments) > 3
    assert is_python


@pytest.mark.clause("RUNTIME-18")
async def test_a_timeout_is_told_as_lambda_tells_it(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import threading
        def handler(event, context):
            threading.Event().wait()
    """
    host = await start_host(write_function(source, timeout_seconds=1))

    result = await host.invoke("F", request_id="id-1")

    assert (result.function_error, orjson.loads(result.payload)) == (
        "Unhandled",
        {
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: id-1 Error: Task timed out after 1.00 seconds",
        },
    )
