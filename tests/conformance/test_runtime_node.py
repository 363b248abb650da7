"""Handlers for Node.js, by our own client of the Runtime API."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

from local_gateway.lambdas.interpreters import Interpreters
from local_gateway.lambdas.result import InvocationRefused
from tests.node import require_node
from tests.processes import wait_gone

if TYPE_CHECKING:
    from pathlib import Path

    from local_gateway.api import Function
    from local_gateway.lambdas.result import InvokeResult
    from tests.unit.local_gateway.lambdas.conftest import Host, StartHost, WriteFunction

ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"


@pytest.fixture
def write(write_function: WriteFunction) -> WriteFunction:
    def write(source: str, *, path: str = "index.js", **properties: object) -> Function:
        files = {path: source, **properties.pop("files", {})}  # type: ignore[dict-item]
        return write_function(
            files=files, **{"handler": "index.handler", "runtime": "nodejs20.x", **properties}
        )

    return write


@pytest.fixture
def start(start_host: StartHost) -> StartHost:
    interpreters = Interpreters(node=require_node())

    async def start(*functions: Function, **options: object) -> Host:
        return await start_host(*functions, interpreters=interpreters, **options)

    return start


def fault(result: InvokeResult) -> dict[str, object]:
    assert result.function_error == "Unhandled"
    error = orjson.loads(result.payload)
    error.pop("trace", None)
    return error


@pytest.mark.clause("RUNTIME-10")
@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("index.js", "exports.handler = async (event) => ({ got: event });"),
        ("index.cjs", "exports.handler = async (event) => ({ got: event });"),
        ("index.mjs", "export const handler = async (event) => ({ got: event });"),
        (
            "index.mjs",
            "await null; export const handler = (event, _, done) => done(null, {got: event})",
        ),
        ("index.js", "exports.handler = (event, context, done) => done(null, { got: event });"),
        ("index.js", "exports.handler = (event, context) => context.succeed({ got: event });"),
        (
            "index.js",
            "exports.handler = (e, context) => { setTimeout(context.done, 1, null, { got: e }); };",
        ),
        ("index.js", "exports.handler = (e) => ({ then: (done) => done({ got: e }) });"),
    ],
)
async def test_every_way_to_answer(
    start: StartHost, write: WriteFunction, path: str, source: str
) -> None:
    host = await start(write(source, path=path))

    answers = [await host.ask("F", {"n": "Zoë ☃"}), await host.ask("F", [1])]

    assert answers == [{"got": {"n": "Zoë ☃"}}, {"got": [1]}]


@pytest.mark.clause("RUNTIME-11")
async def test_the_context(start: StartHost, write: WriteFunction) -> None:
    source = """
        exports.handler = async (event, context) => ({
          ...context,
          remaining: context.getRemainingTimeInMillis(),
          functions: Object.keys(context).filter((key) => typeof context[key] === "function"),
          trace: process.env._X_AMZN_TRACE_ID,
        });
    """
    function = write(source, timeout_seconds=30, memory_mb=256)
    host = await start(function)

    context = await host.ask("F", request_id=ID, client_context='{"client":\n{"k": "☃"}}')

    assert 29_000 < context.pop("remaining") <= 30_000
    assert context.pop("trace").startswith("Root=1-")
    assert "[$LATEST]" in context.pop("logStreamName")
    assert context == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "f",
        "memoryLimitInMB": "256",
        "logGroupName": "/aws/lambda/f",
        "clientContext": {"client": {"k": "☃"}},
        "invokedFunctionArn": function.arn,
        "awsRequestId": ID,
        "functions": ["succeed", "fail", "done", "getRemainingTimeInMillis"],
    }


@pytest.mark.clause("RUNTIME-12")
@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("async () => { throw new TypeError('boom ☃'); }", "TypeError", "boom ☃"),
        ("() => { throw new TypeError('boom'); }", "TypeError", "boom"),
        ("(event, context, done) => { done(new RangeError('r')); }", "RangeError", "r"),
        ("(event, context) => { context.fail(new Error('e')); }", "Error", "e"),
        ("async () => { throw 'text'; }", "string", "text"),
        ("async () => { throw undefined; }", "string", "handled"),
        ("(event, context) => { context.fail(); }", "string", "handled"),
        ("async () => { throw { name: 'Own', message: 'm', stack: 's' }; }", "Own", "m"),
        ("async () => 1n", "Error", "Unable to stringify response body"),
        ("(e, c, done) => { done(null, 1n); }", "Error", "Unable to stringify response body"),
        (
            "(event, context) => { context.done(null, 1n); }",
            "Error",
            "Unable to stringify response body",
        ),
        (
            "async () => { Promise.reject(new Error('lost')); await new Promise(() => {}); }",
            "Runtime.UnhandledPromiseRejection",
            "Error: lost",
        ),
        ("() => { setTimeout(() => { throw new Error('late'); }); }", "Error", "late"),
    ],
)
async def test_errors_have_lambdas_shape(
    start: StartHost, write: WriteFunction, handler: str, error_type: str, message: str
) -> None:
    host = await start(write(f"exports.handler = {handler};"))

    result = await host.invoke()

    assert result.function_error == "Unhandled"
    error = orjson.loads(result.payload)
    assert isinstance(error.pop("trace"), list)
    assert error == {"errorType": error_type, "errorMessage": message}
    assert b"\tERROR\t" in result.log_tail


@pytest.mark.clause("RUNTIME-13")
async def test_an_error_that_nobody_caught_ends_the_process_after_its_answer(
    start: StartHost, write: WriteFunction
) -> None:
    source = """
        exports.handler = async (event) => {
          if (event === "throw") {
            setTimeout(() => { throw new Error("late"); });
            await new Promise(() => {});
          }
          return process.pid;
        };
    """
    host = await start(write(source), max_concurrency=1)
    pid = await host.ask()

    results = await asyncio.gather(host.invoke("F", "throw"), host.invoke())

    assert fault(results[0]) == {"errorType": "Error", "errorMessage": "late"}
    assert results[1].function_error is None
    assert orjson.loads(results[1].payload) != pid
    assert any("exit status 129" in line for line in host.lines)


@pytest.mark.clause("RUNTIME-16")
@pytest.mark.parametrize(
    ("handler", "source", "error_type", "message"),
    [
        (
            "index.nothing",
            "",
            "Runtime.HandlerNotFound",
            "index.nothing is undefined or not exported",
        ),
        (
            "index.handler",
            "exports.handler = 1;",
            "Runtime.HandlerNotFound",
            "index.handler is not a function",
        ),
        ("index", "", "Runtime.MalformedHandlerName", "Bad handler"),
        ("index.handler", "exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        (
            "index.handler",
            "require('nothing')",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'nothing'",
        ),
        ("nothing.handler", "", "Runtime.ImportModuleError", "Error: Cannot find module 'nothing'"),
        ("index.handler", "throw new RangeError('no')", "RangeError", "no"),
        (
            "../index.handler",
            "",
            "Runtime.MalformedHandlerName",
            "'../index.handler' is not a valid",
        ),
    ],
)
async def test_a_handler_that_does_not_load_is_an_init_error(
    start: StartHost, write: WriteFunction, handler: str, source: str, error_type: str, message: str
) -> None:
    host = await start(write(source, handler=handler))

    result = await host.invoke()

    error = fault(result)
    assert error["errorType"] == error_type
    assert str(error["errorMessage"]).startswith(message)
    assert b"undefined\tERROR\tUncaught Exception \t{" in result.log_tail


@pytest.mark.clause("RUNTIME-10")
async def test_a_handler_may_stand_in_a_folder_and_in_an_object(
    start: StartHost, write: WriteFunction
) -> None:
    source = "exports.inner = { handler: async () => __filename };"
    function = write(source, path="src/deep/app.js", handler="src/deep/app.inner.handler")
    host = await start(function)

    assert await host.ask() == str(function.code / "src" / "deep" / "app.js")


@pytest.mark.clause("RUNTIME-10")
async def test_a_package_of_type_module_is_imported(start: StartHost, write: WriteFunction) -> None:
    source = "export const handler = async () => import.meta.url.startsWith('file:');"
    host = await start(write(source, files={"package.json": '{"type": "module"}'}))

    assert await host.ask() is True


@pytest.mark.clause("RUNTIME-14")
async def test_an_answer_by_callback_waits_for_an_empty_event_loop(
    start: StartHost, write: WriteFunction
) -> None:
    source = """
        let ticks = 0;
        exports.handler = (event, context, done) => {
          context.callbackWaitsForEmptyEventLoop = event;
          ticks = 0;
          setTimeout(() => { ticks += 1; }, 20);
          done(null, { get ticks() { return ticks; } });
        };
    """
    host = await start(write(source))

    answers = [await host.ask("F", event=waits) for waits in (True, False)]

    assert answers == [{"ticks": 1}, {"ticks": 0}]


@pytest.mark.clause("RUNTIME-14")
async def test_a_handler_that_never_answers_has_answered_null_when_the_loop_is_empty(
    start: StartHost, write: WriteFunction
) -> None:
    host = await start(write("exports.handler = () => { setTimeout(() => {}, 1); };"))

    assert [await host.ask(), await host.ask()] == [None, None]


@pytest.mark.clause("RUNTIME-15")
@pytest.mark.parametrize(
    "handler",
    [
        "async (event, context, done) => { context.succeed(1); done(null, 2); return 3; }",
        "(event, context, done) => { done(null, 1); done(null, 2); context.succeed(3); }",
        "(event, context) => { context.done(null, 1); context.fail(new Error('2')); }",
    ],
)
async def test_only_the_first_answer_counts(
    start: StartHost, write: WriteFunction, handler: str
) -> None:
    host = await start(write(f"exports.handler = {handler};"))

    assert [await host.ask(), await host.ask()] == [1, 1]


@pytest.mark.clause("RUNTIME-17")
async def test_the_console_writes_time_request_and_level(
    start: StartHost, write: WriteFunction
) -> None:
    source = """
        exports.handler = async () => {
          console.log("a %s", "b", { c: 1 });
          console.error("two\\nlines");
          process.stderr.write("raw\\n");
        };
    """
    host = await start(write(source))

    result = await host.invoke("F", request_id=ID)

    lines = result.log_tail.decode().splitlines()
    assert [line.split("\t")[1:] for line in lines[:2]] == [
        [ID, "INFO", "a b { c: 1 }"],
        [ID, "ERROR", "two"],
    ]
    assert lines[2:] == ["lines", "raw"]
    assert host.lines[-4].startswith("F 8476a536  ")


@pytest.mark.clause("CODE-3")
async def test_layers_are_found_by_name(
    start: StartHost, write: WriteFunction, tmp_path: Path
) -> None:
    for number, folder in enumerate(("one", "two")):
        for package in ("shared", f"only-{folder}"):
            path = tmp_path / folder / "nodejs" / "node_modules" / package
            path.mkdir(parents=True)
            (path / "index.js").write_text(f"exports.layer = {number};")
    source = """
        const [a, b, c] = ["shared", "only-one", "only-two"].map(require);
        exports.handler = async () => [a.layer, b.layer, c.layer];
    """
    host = await start(write(source, layers=(tmp_path / "one", tmp_path / "two")))

    assert await host.ask() == [1, 0, 1]


@pytest.mark.clause("RUNTIME-18")
async def test_a_timeout_ends_the_process(start: StartHost, write: WriteFunction) -> None:
    source = "exports.handler = async (e) => e === 'spin' ? (() => { for (;;); })() : process.pid;"
    host = await start(write(source, timeout_seconds=1))
    process = psutil.Process(await host.ask())

    result = await host.invoke("F", "spin", request_id="id-1")

    assert fault(result) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id-1 Error: Task timed out after 1.00 seconds",
    }
    assert wait_gone(process)
    assert await host.ask() != process.pid


@pytest.mark.clause("RUNTIME-18")
@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("process.exit(3)", "Runtime exited with error: exit status 3"),
        ("process.exit()", "Runtime exited without providing a reason"),
        ("process.kill(process.pid, 'SIGKILL')", "Runtime exited with error: signal: killed"),
    ],
)
async def test_a_process_that_ends_is_an_exit_error(
    start: StartHost, write: WriteFunction, statement: str, text: str
) -> None:
    source = f"exports.handler = async (e) => {{ if (e === 'end') {statement}; return 'alive'; }};"
    host = await start(write(source))

    result = await host.invoke("F", "end", request_id="id-1")

    assert fault(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: id-1 Error: {text}",
    }
    assert await host.ask() == "alive"


@pytest.mark.clause("RUNTIME-5")
async def test_events_and_answers_of_six_megabytes(start: StartHost, write: WriteFunction) -> None:
    source = """
        exports.handler = async (e) => typeof e === "number" ? "x".repeat(e) : e.length;
    """
    host = await start(write(source, timeout_seconds=30))

    length = await host.ask("F", "☃" * 2_000_000)
    fits = await host.invoke("F", 6_291_554)
    too_large = await host.invoke("F", 6_291_555)

    assert length == 2_000_000
    assert len(fits.payload) == 6_291_556
    assert fault(too_large) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }
    assert await host.ask("F", 1) == "x"


@pytest.mark.clause("RUNTIME-19")
async def test_a_streaming_handler_is_refused_when_it_loads(
    start: StartHost, write: WriteFunction
) -> None:
    host = await start(write("exports.handler = awslambda.streamifyResponse(async () => {});"))

    result = await host.invoke()

    assert fault(result)["errorMessage"] == (
        "the local gateway does not emulate response streaming"
    )


@pytest.mark.clause("RUNTIME-1")
async def test_without_node_a_function_is_refused(
    start_host: StartHost, write: WriteFunction
) -> None:
    host = await start_host(write(""))

    with pytest.raises(InvocationRefused, match=r"F needs Node.js \(nodejs20.x\), and there is no"):
        await host.invoke()


@pytest.mark.clause("RUNTIME-21")
@pytest.mark.parametrize(
    ("runtime", "parameters", "error"),
    [
        ("nodejs24.x", "event, context, done", "Runtime.CallbackHandlerDeprecated"),
        ("nodejs24.x", "event, context", None),
        ("nodejs22.x", "event, context, done", None),
    ],
)
async def test_a_callback_is_refused_from_node_24_on(
    start: StartHost, write: WriteFunction, runtime: str, parameters: str, error: str | None
) -> None:
    source = f"exports.handler = async ({parameters}) => ({{ errorType: null }});"
    host = await start(write(source, runtime=runtime))

    result = await host.invoke()

    assert orjson.loads(result.payload)["errorType"] == error
