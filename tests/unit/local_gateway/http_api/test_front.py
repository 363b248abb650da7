from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest

from local_gateway.api import Application, Cors, HttpApi, HttpRoute, LambdaProxy, Stage
from local_gateway.http_api import HttpApiFront
from local_gateway.http_api.front import MAX_BODY_BYTES
from tests.fakes.applications import an_application
from tests.fakes.invocations import RecordingFunctions, failed, refused
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import CIMultiDictProxy

    from local_gateway.asgi import Receive, Scope, Send

HELLO = {"statusCode": 200, "body": "hello"}


def route(key: str, *, timeout_ms: int = 29_000) -> HttpRoute:
    method, _, path = key.rpartition(" ")
    integration = LambdaProxy(logical_id="I", function="Hello", timeout_ms=timeout_ms)
    return HttpRoute(method=method or "ANY", path=path, integration=integration)


def application(
    *routes: HttpRoute, stage: str = "$default", cors: Cors | None = None
) -> Application:
    api = HttpApi(
        logical_id="Api",
        api_id="abcdefghij",
        name="api",
        routes=routes,
        stage=Stage(name=stage),
        cors=cors,
    )
    return an_application(
        http_apis={"Api": api},
    )


class Client:
    """A front behind a real server, and a client of it."""

    def __init__(self, of: Application, functions: RecordingFunctions) -> None:
        self.functions = functions
        self.front = HttpApiFront(of, functions)
        self.api = of.http_apis["Api"]

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.front(self.api, scope, receive, send)

    async def request(
        self,
        method: str,
        path: str,
        *,
        data: bytes | BytesIO | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        async with (
            serving(self.app) as url,
            aiohttp.ClientSession() as session,
            session.request(method, f"{url}{path}", data=data, headers=headers) as response,
        ):
            return response.status, response.headers, await response.read()


async def test_a_function_answers_a_request() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("POST /greet/{name}")), functions)

    status, headers, body = await client.request(
        "POST", "/greet/bob%20b?x=1", data=b'{"a":1}', headers={"Content-Type": "application/json"}
    )

    [event] = functions.events["Hello"]
    assert (status, body) == (200, b"hello")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Apigw-Requestid"] == event["requestContext"]["requestId"]
    assert event["routeKey"] == "POST /greet/{name}"
    assert event["pathParameters"] == {"name": "bob b"}
    assert event["rawQueryString"] == "x=1"
    assert event["body"] == '{"a":1}'
    assert event["requestContext"]["http"]["sourceIp"] == "127.0.0.1"


async def test_cookies_are_headers_of_their_own() -> None:
    answer = {"statusCode": 200, "cookies": ["a=1", "b=2"]}
    client = Client(application(route("$default")), RecordingFunctions(Hello=[answer]))

    _, headers, _ = await client.request("GET", "/")

    assert headers.getall("Set-Cookie") == ["a=1", "b=2"]


async def test_without_a_route_it_is_not_found() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("GET /a")), functions)

    status, headers, body = await client.request("POST", "/a")

    assert (status, body) == (404, b'{"message":"Not Found"}')
    assert headers["Content-Type"] == "application/json"
    assert functions.events == {}


@pytest.mark.parametrize(
    "problem", [failed(), refused(), RuntimeError("a defect"), {"statusCode": "no"}]
)
async def test_a_function_that_fails_is_an_internal_server_error(problem: object) -> None:
    client = Client(application(route("$default")), RecordingFunctions(Hello=[problem]))

    status, _, body = await client.request("GET", "/")

    assert (status, body) == (500, b'{"message":"Internal Server Error"}')


async def test_a_function_that_takes_too_long_is_service_unavailable_and_goes_on() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    functions.hold = asyncio.Event()
    client = Client(application(route("$default", timeout_ms=10)), functions)

    status, _, body = await client.request("GET", "/")

    assert (status, body) == (503, b'{"message":"Service Unavailable"}')
    assert functions.running == 1
    await client.front.stop()
    assert functions.running == 0


async def test_ten_megabytes_are_not_too_large() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("$default")), functions)

    status, _, _ = await client.request("POST", "/", data=BytesIO(b"x" * MAX_BODY_BYTES))

    assert status == 200


async def test_one_byte_more_is_too_large() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("$default")), functions)

    status, _, body = await client.request("POST", "/", data=BytesIO(b"x" * (MAX_BODY_BYTES + 1)))

    assert (status, body) == (413, b'{"message":"Request Entity Too Large"}')
    assert functions.events == {}


async def test_a_body_without_end_is_cut_at_the_limit() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("$default")), functions)
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1_000_000
        return {"type": "http.request", "body": b"x" * 1_000_000, "more_body": True}

    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await client.app({"type": "http", "headers": []}, receive, send)

    assert sent[0]["status"] == 413
    assert taken == 11_000_000


async def test_a_client_that_goes_before_its_body_has_come_invokes_nothing() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("$default")), functions)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    sent: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    await client.app({"type": "http", "headers": []}, receive, send)

    assert sent == []
    assert functions.events == {}


async def test_a_named_stage_is_the_first_segment() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    client = Client(application(route("GET /a"), route("GET /"), stage="prod"), functions)

    statuses = [
        (await client.request("GET", path))[0] for path in ("/prod/a", "/prod", "/a", "/other/a")
    ]

    assert statuses == [200, 200, 404, 404]
    paths = [event["rawPath"] for event in functions.events["Hello"]]
    assert paths == ["/prod/a", "/prod"]


async def test_cors_answers_a_preflight_without_a_function() -> None:
    functions = RecordingFunctions(Hello=[HELLO])
    cors = Cors(allow_origins=("*",), allow_methods=("POST",))
    client = Client(application(route("$default"), cors=cors), functions)

    status, headers, body = await client.request(
        "OPTIONS",
        "/anything",
        headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"},
    )

    assert (status, body) == (204, b"")
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Allow-Methods"] == "POST"
    assert "Content-Length" not in headers
    assert functions.events == {}


async def test_cors_headers_are_on_what_a_function_answers_also_when_it_fails() -> None:
    functions = RecordingFunctions(Hello=[HELLO, failed()])
    client = Client(application(route("$default"), cors=Cors(allow_origins=("*",))), functions)

    answers = [
        await client.request("GET", "/", headers={"Origin": "https://a.example"}) for _ in range(2)
    ]

    found = [(status, headers["Access-Control-Allow-Origin"]) for status, headers, _ in answers]
    assert found == [(200, "*"), (500, "*")]


async def test_headers_that_latin_1_lacks_are_utf_8() -> None:
    answer = {"statusCode": 200, "headers": {"x-name": "żółw"}}
    client = Client(application(route("$default")), RecordingFunctions(Hello=[answer]))

    async with serving(client.app) as url:
        text = await _talk(url, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert b"x-name: " + "żółw".encode() in text


async def test_a_json_answer_is_inferred() -> None:
    client = Client(application(route("$default")), RecordingFunctions(Hello=[{"k": "v"}]))

    status, headers, body = await client.request("GET", "/")

    assert (status, orjson.loads(body)) == (200, {"k": "v"})
    assert headers["Content-Type"] == "application/json"


async def _talk(url: str, text: bytes) -> bytes:
    """Send bytes to a server and return all that it answers until it closes."""
    port = int(url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
