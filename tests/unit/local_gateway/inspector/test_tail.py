"""`local-gateway tail` at its edges; it follows a gateway in the end-to-end tests."""

from __future__ import annotations

import io
import socket

import pytest

from local_gateway.inspector import tail

ROW = {
    "kind": "message",
    "at": "2026-01-02T03:04:05.678Z",
    "connectionId": "L0SM9cOFvHcCIhw=",
    "route": "join",
    "summary": "hi",
}


def test_line_has_time_direction_connection_route_and_text() -> None:
    line = tail.write_line(ROW)

    assert line.split() == ["03:04:05.678", "→", "L0SM9cOFvHcCIhw=", "join", "hi"]


def test_line_of_a_message_without_a_route_says_so() -> None:
    assert " no route " in tail.write_line({**ROW, "route": None})


def test_colours_end_with_the_line() -> None:
    line = tail.write_line(ROW, is_coloured=True)

    assert line.startswith("\x1b[32m")
    assert line.endswith("\x1b[0m")


@pytest.mark.parametrize(
    "failed",
    [
        {**ROW, "kind": "handshake", "status": 403},
        {**ROW, "kind": "invocation", "function": "F", "error": "Unhandled"},
        {**ROW, "kind": "post", "status": 410},
    ],
)
def test_what_failed_is_red(failed: dict[str, object]) -> None:
    assert tail.write_line(failed, is_coloured=True).startswith("\x1b[31m")


def test_nobody_there_is_one_line_and_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    errors = io.StringIO()

    code = tail.run([f"--url=http://127.0.0.1:{port}"], io.StringIO(), errors, has_colours=False)

    assert code == tail.FAILED
    assert errors.getvalue().startswith(f"local-gateway tail: http://127.0.0.1:{port} can't be")
    assert errors.getvalue().count("\n") == 1


@pytest.mark.parametrize("kind", ["frames", ""])
def test_unknown_kind_is_refused_with_those_there_are(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        tail.run(["--kind", kind], io.StringIO(), io.StringIO(), has_colours=False)

    assert exit_info.value.code == 2
    assert "'handshake', 'message', 'invocation'" in capsys.readouterr().err
