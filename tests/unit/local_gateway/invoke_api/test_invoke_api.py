from __future__ import annotations

import asyncio
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
import botocore.session
import orjson
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_gateway import clock
from local_gateway.api import Function
from local_gateway.lambdas.invoke_api import (
    MAX_ASYNCHRONOUS_BYTES,
    MAX_SYNCHRONOUS_BYTES,
    InvokeApi,
)
from local_gateway.sources.asynchronous import AsynchronousInvoker
from tests.fakes.applications import an_application
from tests.fakes.invocations import RecordingFunctions, failed, refused, succeeded
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import InvocationResponseTypeDef

ARN = "arn:aws:lambda:us-east-1:123456789012:function:stack-sweep"
APPLICATION = an_application(
    functions={
        "Sweep": Function(
            logical_id="Sweep",
            name="stack-sweep",
            arn=ARN,
            handler="sweep.handler",
            runtime="python3.13",
            code=Path(),
        )
    },
)


async def talk(functions: RecordingFunctions, calls: Callable[[Any], Any]) -> Any:  # noqa: ANN401 — what boto3 returns
    """Run `calls` with boto3's client in a thread, against the API behind a real server."""
    async with serving(InvokeApi(APPLICATION, functions)) as url:
        client: Any = botocore.session.get_session().create_client(
            "lambda",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            return await asyncio.to_thread(calls, client)
        finally:
            client.close()


async def test_an_invocation_returns_what_the_function_returns() -> None:
    functions = RecordingFunctions(Sweep=[{"swept": 3}])

    def calls(client: LambdaClient) -> tuple[InvocationResponseTypeDef, bytes]:
        answer = client.invoke(FunctionName="stack-sweep", Payload=b'{"a": 1}')
        return answer, answer["Payload"].read()

    answer, payload = await talk(functions, calls)

    assert orjson.loads(payload) == {"swept": 3}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert "LogResult" not in answer
    assert functions.events["Sweep"] == [{"a": 1}]
    assert functions.request_ids == [answer["ResponseMetadata"]["RequestId"]]


@pytest.mark.parametrize(
    "name",
    [
        "stack-sweep",
        "Sweep",
        "stack-sweep:live",
        "stack-sweep:$LATEST",
        "123456789012:function:stack-sweep",
        ARN,
        f"{ARN}:live",
    ],
)
async def test_a_function_has_many_names(name: str) -> None:
    functions = RecordingFunctions()

    answer = await talk(functions, lambda client: client.invoke(FunctionName=name))

    assert answer["StatusCode"] == 200
    assert functions.events["Sweep"] == [{}]


async def test_a_function_error_is_a_header_and_its_payload() -> None:
    functions = RecordingFunctions(Sweep=[failed(b'{"errorType":"X"}')])

    def calls(client: LambdaClient) -> tuple[InvocationResponseTypeDef, bytes]:
        answer = client.invoke(FunctionName="Sweep")
        return answer, answer["Payload"].read()

    answer, payload = await talk(functions, calls)

    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert payload == b'{"errorType":"X"}'


async def test_the_tail_of_the_log_comes_on_request() -> None:
    functions = RecordingFunctions(Sweep=[succeeded(b"null", log_tail=b"START\nEND\n")])

    answer = await talk(
        functions, lambda client: client.invoke(FunctionName="Sweep", LogType="Tail")
    )

    assert b64decode(answer["LogResult"]) == b"START\nEND\n"


@pytest.mark.usefixtures("still")
async def test_an_event_invocation_is_accepted_and_runs_alone() -> None:
    functions = RecordingFunctions(Sweep=[failed(), None])
    asynchronous = AsynchronousInvoker(functions)
    api = InvokeApi(APPLICATION, functions, asynchronous=asynchronous)
    async with serving(api) as url, aiohttp.ClientSession() as session:
        async with session.post(
            f"{url}/2015-03-31/functions/Sweep/invocations",
            data=b'{"a":1}',
            headers={"X-Amz-Invocation-Type": "Event"},
        ) as response:
            status, body = response.status, await response.read()
            request_id = response.headers["x-amzn-RequestId"]
        await asyncio.gather(*asynchronous.running)
        await clock.advance(60)
        await asyncio.gather(*asynchronous.running)
    await api.stop()

    assert (status, body) == (202, b"")
    assert functions.events["Sweep"] == [{"a": 1}, {"a": 1}]
    assert functions.request_ids == [request_id, request_id]


async def test_a_dry_run_runs_nothing() -> None:
    functions = RecordingFunctions()

    answer = await talk(
        functions, lambda client: client.invoke(FunctionName="Sweep", InvocationType="DryRun")
    )

    assert answer["StatusCode"] == 204
    assert functions.events == {}


@pytest.mark.parametrize(
    ("arguments", "status", "code", "message"),
    [
        (
            {"FunctionName": "nobody"},
            404,
            "ResourceNotFoundException",
            "Function not found: arn:aws:lambda:us-east-1:123456789012:function:nobody",
        ),
        (
            {"FunctionName": "Sweep", "Payload": b"{no json"},
            400,
            "InvalidRequestContentException",
            "Could not parse request body into json: ",
        ),
        (
            {"FunctionName": "Sweep", "Payload": b'"' + b"x" * MAX_SYNCHRONOUS_BYTES + b'"'},
            413,
            "RequestTooLargeException",
            "too large for the RequestResponse invocation type (limit 6291456 bytes)",
        ),
        (
            {
                "FunctionName": "Sweep",
                "InvocationType": "Event",
                "Payload": b'"' + b"x" * MAX_ASYNCHRONOUS_BYTES + b'"',
            },
            413,
            "RequestTooLargeException",
            "too large for the Event invocation type (limit 1048576 bytes)",
        ),
        (
            {"FunctionName": "Sweep", "InvocationType": "Sometimes"},
            400,
            "InvalidParameterValueException",
            "'Sometimes' is no invocation type",
        ),
    ],
)
async def test_errors_have_the_names_that_sdks_know(
    arguments: dict[str, Any], status: int, code: str, message: str
) -> None:
    functions = RecordingFunctions()

    with pytest.raises(ClientError) as caught:
        await talk(functions, lambda client: client.invoke(**arguments))

    response: Any = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Code"] == code
    assert message in response["Error"]["Message"]
    assert functions.events == {}


async def test_a_function_that_cannot_be_invoked_is_the_servers_fault() -> None:
    functions = RecordingFunctions(Sweep=[refused("its handler is missing")])

    with pytest.raises(ClientError, match="its handler is missing") as caught:
        await talk(functions, lambda client: client.invoke(FunctionName="Sweep"))

    response: Any = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 502


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/2015-03-31/functions/Sweep/invocations", 404, "UnknownOperationException"),
        ("POST", "/2015-03-31/functions", 404, "UnknownOperationException"),
        (
            "POST",
            f"/2015-03-31/functions/{quote('a b', safe='')}/invocations",
            400,
            "ValidationException",
        ),
    ],
)
async def test_other_operations_are_unknown(
    method: str, path: str, status: int, error: str
) -> None:
    api = InvokeApi(APPLICATION, RecordingFunctions())
    async with (
        serving(api) as url,
        aiohttp.ClientSession() as session,
        session.request(method, f"{url}{path}") as response,
    ):
        found = response.status, response.headers["x-amzn-ErrorType"]

    assert found == (status, error)


async def test_a_percent_encoded_arn_is_a_name() -> None:
    functions = RecordingFunctions()
    path = f"/2015-03-31/functions/{quote(ARN, safe='')}/invocations"
    async with (
        serving(InvokeApi(APPLICATION, functions)) as url,
        aiohttp.ClientSession() as session,
        session.post(f"{url}{path}") as response,
    ):
        status = response.status

    assert status == 200
