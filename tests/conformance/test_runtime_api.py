"""The Runtime API, asked by runtimes of a few lines each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from local_gateway.lambdas.bootstrap import ERROR, INIT_ERROR, READY, RESULT
from local_gateway.lambdas.invocation import Invocation
from local_gateway.lambdas.runtime_api import RuntimeApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NEXT = "/2018-06-01/runtime/invocation/next"
INIT_ERROR_PATH = "/2018-06-01/runtime/init/error"


class Runtime:
    """The API under test, a client of it, and what the environment hears."""

    def __init__(self, api: RuntimeApi, answers: asyncio.Queue[tuple[int, bytes]]) -> None:
        self.api = api
        self.answers = answers
        self.client = httpx.AsyncClient(base_url=f"http://{api.address}", trust_env=False)

    async def ask(self) -> asyncio.Task[httpx.Response]:
        """Ask for the next event, and wait until the environment knows."""
        asked = asyncio.create_task(self.client.get(NEXT, timeout=None))
        assert await self.answers.get() == (READY, b"")
        return asked

    async def post(self, path: str, content: bytes = b"{}", **options: Any) -> httpx.Response:  # noqa: ANN401 — of httpx
        return await self.client.post(path, content=content, **options)

    async def give(self, request_id: str = "id-1", **facts: Any) -> None:  # noqa: ANN401 — of Invocation
        invocation = Invocation(request_id, "Root=1", b'{"a": 1}', b"", lambda _result: None)
        for name, value in facts.items():
            setattr(invocation, name, value)
        self.api.send(invocation, 1_700_000_000_000)


@pytest.fixture
async def runtime() -> AsyncIterator[Runtime]:
    answers: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
    api = RuntimeApi(
        [],
        arn="arn:f",
        lifeline=0,
        on_answer=lambda kind, payload, _: answers.put_nowait((kind, payload)),
    )
    runtime = Runtime(api, answers)
    yield runtime
    await runtime.client.aclose()
    api.close()


@pytest.mark.clause("RUNTIME-3")
async def test_an_event_carries_what_the_runtime_has_to_know(runtime: Runtime) -> None:
    asked = await runtime.ask()

    await runtime.give(client_context='{"custom":\r\n{"☃": 1}}'.encode())
    event = await asked

    assert event.status_code == 200
    assert event.content == b'{"a": 1}'
    assert {name: event.headers.get(name) for name in event.headers} == {
        "content-type": "application/json",
        "lambda-runtime-aws-request-id": "id-1",
        "lambda-runtime-deadline-ms": "1700000000000",
        "lambda-runtime-invoked-function-arn": "arn:f",
        "lambda-runtime-trace-id": "Root=1",
        "lambda-runtime-client-context": '{"custom":  {"☃": 1}}',
        "content-length": "8",
    }


@pytest.mark.clause("RUNTIME-4")
@pytest.mark.parametrize(("path", "kind"), [("response", RESULT), ("error", ERROR)])
async def test_an_answer_is_accepted(runtime: Runtime, path: str, kind: int) -> None:
    asked = await runtime.ask()
    await runtime.give()
    await asked

    reply = await runtime.post(f"/2018-06-01/runtime/invocation/id-1/{path}", b"whatever")

    assert (reply.status_code, reply.content) == (202, b'{"status":"OK"}\n')
    assert runtime.answers.get_nowait() == (kind, b"whatever")


@pytest.mark.clause("RUNTIME-4")
async def test_a_chunked_answer_is_put_together(runtime: Runtime) -> None:
    asked = await runtime.ask()
    await runtime.give()
    await asked

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one, "
        yield b"two"

    await runtime.client.post("/2018-06-01/runtime/invocation/id-1/response", content=pieces())

    assert runtime.answers.get_nowait() == (RESULT, b"one, two")


@pytest.mark.clause("RUNTIME-5")
async def test_an_answer_that_is_too_large_is_the_callers_error(runtime: Runtime) -> None:
    asked = await runtime.ask()
    await runtime.give()
    await asked

    reply = await runtime.post("/2018-06-01/runtime/invocation/id-1/response", b"x" * 6_291_557)

    assert reply.status_code == 413
    assert reply.json() == {
        "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "RequestEntityTooLarge",
    }
    kind, payload = runtime.answers.get_nowait()
    assert (kind, orjson.loads(payload)["errorType"]) == (
        ERROR,
        "Function.ResponseSizeTooLarge",
    )


@pytest.mark.clause("RUNTIME-6")
async def test_an_init_error_is_accepted_before_the_first_event_alone(runtime: Runtime) -> None:
    first = await runtime.post(INIT_ERROR_PATH, b'{"errorType":"E"}')
    second = await runtime.post(INIT_ERROR_PATH)

    assert (first.status_code, second.status_code) == (202, 403)
    assert runtime.answers.get_nowait() == (INIT_ERROR, b'{"errorType":"E"}')
    assert runtime.answers.empty()


@pytest.mark.clause("RUNTIME-7")
async def test_an_answer_to_nothing_is_refused(runtime: Runtime) -> None:
    reply = await runtime.post("/2018-06-01/runtime/invocation/id-1/response")

    assert reply.status_code == 403
    assert reply.json()["errorType"] == "InvalidStateTransition"
    assert runtime.answers.empty()


@pytest.mark.clause("RUNTIME-7")
async def test_an_answer_to_another_event_is_refused(runtime: Runtime) -> None:
    asked = await runtime.ask()
    await runtime.give()
    await asked

    reply = await runtime.post("/2018-06-01/runtime/invocation/id-2/error")

    assert reply.status_code == 400
    assert reply.json() == {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"}
    assert runtime.answers.empty()


@pytest.mark.clause("RUNTIME-7")
async def test_the_next_event_is_for_who_has_answered_the_last(runtime: Runtime) -> None:
    asked = await runtime.ask()
    await runtime.give()
    await asked

    reply = await runtime.client.get(NEXT)

    assert (reply.status_code, reply.json()["errorType"]) == (403, "InvalidStateTransition")


@pytest.mark.clause("RUNTIME-3")
async def test_who_asks_again_gets_the_event(runtime: Runtime) -> None:
    first = await runtime.ask()
    second = await runtime.ask()

    await runtime.give()

    assert (await second).content == b'{"a": 1}'
    with pytest.raises(httpx.TransportError):
        await first


@pytest.mark.clause("RUNTIME-3")
async def test_an_event_waits_for_a_runtime_that_lost_its_connection(runtime: Runtime) -> None:
    asked = await runtime.ask()
    asked.cancel()
    await runtime.client.get("/")  # the connection that was cancelled is gone by now

    await runtime.give()
    event = await runtime.client.get(NEXT)

    assert event.content == b'{"a": 1}'


@pytest.mark.clause("RUNTIME-9")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "attacker.example"},
    ],
)
async def test_a_web_page_gets_no_event(runtime: Runtime, headers: dict[str, str]) -> None:
    reply = await runtime.client.get(NEXT, headers=headers)

    assert reply.status_code == 403
    assert runtime.answers.empty()


@pytest.mark.clause("RUNTIME-3")
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("POST", NEXT), ("GET", INIT_ERROR_PATH), ("GET", f"{NEXT}/more")],
)
async def test_other_paths_are_not_found(runtime: Runtime, method: str, path: str) -> None:
    reply = await runtime.client.request(method, path)

    assert reply.status_code == 404


async def raw(runtime: Runtime, data: bytes) -> bytes:
    """Send bytes, and return what comes back until the connection ends."""
    host, _, port = runtime.api.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    received = await reader.read()
    writer.close()
    await writer.wait_closed()
    return received


@pytest.mark.clause("RUNTIME-3")
async def test_what_is_no_http_ends_the_connection(runtime: Runtime) -> None:
    assert await raw(runtime, b"nonsense\r\n\r\n") == b""


@pytest.mark.clause("RUNTIME-6")
async def test_a_client_that_wants_to_continue_is_told_so(runtime: Runtime) -> None:
    head = (
        f"POST {INIT_ERROR_PATH} HTTP/1.1\r\nHost: {runtime.api.address}\r\nConnection: close\r\n"
        "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n{}"
    )

    received = await raw(runtime, head.encode())

    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n")


@pytest.mark.clause("RUNTIME-3")
async def test_a_request_behind_one_that_waits_ends_the_connection(runtime: Runtime) -> None:
    request = f"GET {NEXT} HTTP/1.1\r\nHost: {runtime.api.address}\r\n\r\n"

    assert await raw(runtime, request.encode() * 2) == b""
