from __future__ import annotations

import itertools
import os
import sys
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_gateway.lambdas.bootstrap import MARK_END
from local_gateway.lambdas.output import LINE_BYTES, TAIL_BYTES, Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.local_gateway.lambdas.conftest import StartHost, WriteFunction


class Pipe:
    def __init__(self) -> None:
        reader, self.writer = os.pipe()
        self.lines: list[str] = []
        self.output = Output(reader, "Fn", self.lines.append)

    def write(self, data: bytes) -> None:
        os.write(self.writer, data)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.output.close()
    os.close(pipe.writer)


def test_lines_carry_the_name_and_the_request(pipe: Pipe) -> None:
    pipe.write(b"loading\n")
    pipe.output.read()
    pipe.output.begin("0123456789")
    pipe.write("one\r\ntwo\n\nZoë".encode())

    tail = pipe.output.end()

    assert pipe.lines == [
        "Fn init      loading",
        "Fn 01234567  one",
        "Fn 01234567  two",
        "Fn 01234567  ",
        "Fn 01234567  Zoë",
    ]
    assert tail == "loading\none\r\ntwo\n\nZoë".encode()


def test_a_line_in_pieces_is_one_line(pipe: Pipe) -> None:
    pipe.output.begin("r")

    for piece in (b"a", b"b\nc", b"d\n"):
        pipe.write(piece)
        pipe.output.read()

    assert pipe.lines == ["Fn r  ab", "Fn r  cd"]


def test_each_state_of_a_progress_bar_is_a_line(pipe: Pipe) -> None:
    pipe.output.begin("r")
    pipe.write(b"10%\r20%\n")

    pipe.output.end()

    assert pipe.lines == ["Fn r  10%", "Fn r  20%"]


def test_bytes_that_are_no_utf_8_are_shown_as_such(pipe: Pipe) -> None:
    pipe.output.begin("r")
    pipe.write(b"\xff\n")

    pipe.output.end()

    assert pipe.lines == ["Fn r  \ufffd"]


def test_a_tail_is_the_last_4_kb_of_its_own_request(pipe: Pipe) -> None:
    pipe.output.begin("one")
    pipe.write(b"x" * 5_000)
    first = pipe.output.end()
    pipe.output.begin("two")
    pipe.write(b"y")
    second = pipe.output.end()

    assert first == b"x" * TAIL_BYTES
    assert second == b"y"


def test_a_line_without_an_end_is_cut_and_takes_no_more_memory(pipe: Pipe) -> None:
    pipe.output.begin("r")

    for _ in range(100):
        pipe.output.feed(b"x" * 65_536)

    assert [len(line) - len("Fn r  ") for line in pipe.lines] == [LINE_BYTES] * 25


def test_a_long_line_that_comes_at_once_is_cut_too(pipe: Pipe) -> None:
    pipe.output.begin("r")

    pipe.output.feed(b"x" * (LINE_BYTES + 1) + b"\n")

    assert [len(line) - len("Fn r  ") for line in pipe.lines] == [LINE_BYTES, 1]


def test_the_end_of_the_pipe_is_told(pipe: Pipe) -> None:
    assert pipe.output.read()
    os.close(pipe.writer)

    assert not pipe.output.read()

    pipe.writer = os.open(os.devnull, os.O_WRONLY)


async def test_what_is_printed_before_the_return_is_there_with_the_result_a_thousand_times(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        def handler(event, context):
            print("event", event)
            return event
    """
    host = await start_host(write_function(source), max_concurrency=2)
    wrong: list[object] = []

    for number in range(1_000):
        result = await host.invoke("F", number)
        expected = f"F {result.request_id[:8]}  event {number}"
        if result.log_tail != f"event {number}\n".encode() or host.lines[-1] != expected:
            wrong.append((number, result, host.lines[-1]))

    assert wrong == []


async def test_megabytes_of_output_neither_block_nor_get_lost(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        def handler(event, context):
            for number in range(20_000):
                print(number, "x" * 100)
    """
    host = await start_host(write_function(source, timeout_seconds=30))

    result = await host.invoke()

    numbers = [int(line.split()[2]) for line in host.lines[1:]]
    assert numbers == list(range(20_000))
    assert len(result.log_tail) == TAIL_BYTES


async def test_stderr_and_what_subprocesses_write_is_output_in_order(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import subprocess, sys
        def handler(event, context):
            print("one")
            print("two", file=sys.stderr)
            subprocess.run(["echo", "three"])
            print("four", end="")
    """
    host = await start_host(write_function(source))

    result = await host.invoke()

    assert result.log_tail == b"one\ntwo\nthree\nfour"


async def test_a_thread_that_prints_after_the_return_breaks_nothing(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import threading
        go, done = threading.Event(), threading.Event()
        def late():
            go.wait()
            print("late")
            done.set()
        def handler(event, context):
            if event == "start":
                go.clear()
                done.clear()
                threading.Thread(target=late).start()
                go.set()
            else:
                done.wait()
            return event
    """
    host = await start_host(write_function(source))

    answers = [await host.ask("F", event) for event in ("start", "next", "start", "next")]

    assert answers == ["start", "next", "start", "next"]
    assert [line.split()[-1] for line in host.lines if "late" in line] == ["late"] * 2


async def test_logging_is_set_up_as_on_lambda(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import logging
        def handler(event, context):
            logging.getLogger().info("hidden")
            logging.getLogger().warning("shown %s", 1)
    """
    host = await start_host(write_function(source))

    result = await host.invoke("F", request_id="id-1")

    level, _time, request_id, text = result.log_tail.decode().split("\t")
    assert (level, request_id, text) == ("[WARNING]", "id-1", "shown 1\n")


async def test_json_logging_with_a_level_is_set_up_as_on_lambda(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import logging
        def handler(event, context):
            logging.getLogger("my.logger").debug("shown", extra={"key": "value"})
            raise ValueError("failed")
    """
    variables = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}
    host = await start_host(write_function(source, environment=variables))

    result = await host.invoke("F", request_id="id-1")

    record, error = map(orjson.loads, result.log_tail.splitlines())
    assert record == {
        "timestamp": record["timestamp"],
        "level": "DEBUG",
        "message": "shown",
        "logger": "my.logger",
        "requestId": "id-1",
        "key": "value",
    }
    assert (error["level"], error["errorType"], error["errorMessage"]) == (
        "ERROR",
        "ValueError",
        "failed",
    )


async def test_text_is_utf_8_whatever_the_machine_has(
    start_host: StartHost, write_function: WriteFunction
) -> None:
    source = """
        import sys
        def handler(event, context):
            print("Zoë ☃")
            with open("snow.txt", "w") as file:
                file.write("☃")
            return [sys.stdout.encoding, sys.stdout.errors, open("snow.txt", "rb").read().hex()]
    """
    host = await start_host(write_function(source, environment={"LANG": "C", "LC_ALL": "C"}))

    answer = await host.ask()

    assert answer == ["utf-8", "strict", "e29883"]
    assert host.lines[-1].endswith("Zoë ☃"), sys.flags


TOKEN = b"\x1etoken"
REQUESTS = ("first-request", "second-request", "third-request")


@given(
    written=st.tuples(*[st.text("ab\n\x1e", max_size=40)] * 3),
    cuts=st.lists(st.integers(1, 30), min_size=1, max_size=20),
)
def test_marks_divide_the_output_however_it_is_read(
    written: tuple[str, str, str], cuts: list[int]
) -> None:
    lines: list[str] = []
    reader, writer = os.pipe()
    output = Output(reader, "Fn", lines.append, token=TOKEN)
    output.expect_marks()
    output.begin(REQUESTS[0])
    stream = written[0].encode()
    for request, text in zip(REQUESTS[1:], written[1:], strict=True):
        # A mark goes out with the first output, and not at all where there is none.
        stream += TOKEN + request.encode() + MARK_END + text.encode() if text else b""

    at = 0
    for cut in itertools.cycle(cuts):
        output.feed(stream[at : at + cut], is_cut=at + cut < len(stream))
        at += cut
        if at >= len(stream):
            break
    tails: list[bytes] = []
    for request, following in itertools.zip_longest(REQUESTS, REQUESTS[1:]):
        tails.append(output.end(request))
        if following is not None:
            output.begin(following)
    output.close()
    os.close(writer)

    assert tails == [text.encode() for text in written]
    assert lines == [
        f"Fn {request:.8}  {line}"
        for request, text in zip(REQUESTS, written, strict=True)
        for line in text.removesuffix("\n").split("\n")
        if text
    ]
