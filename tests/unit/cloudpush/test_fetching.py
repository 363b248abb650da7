from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from cloudpush.errors import KeysUnavailable
from cloudpush.fetching import fetch
from tests.fakes.key_server import running_key_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler

    from tests.fakes.key_server import KeyServer


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with running_key_server() as running:
        yield running


def test_a_document_is_what_is_served(server: KeyServer) -> None:
    server.serve(b"0123456789")

    assert fetch(server.url, max_bytes=10) == b"0123456789"


def test_one_byte_too_many_is_refused(server: KeyServer) -> None:
    server.serve(b"0123456789")

    with pytest.raises(KeysUnavailable, match="more than 9 bytes"):
        fetch(server.url, max_bytes=9)


@pytest.mark.parametrize("status", [204, 301, 404, 503])
def test_another_status_is_refused(server: KeyServer, status: int) -> None:
    server.serve(b"", status=status, Location="/elsewhere")

    with pytest.raises(KeysUnavailable, match=str(status)):
        fetch(server.url, max_bytes=10)
    assert server.requests == 1


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nA: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_an_answer_that_never_ends_is_ended(server: KeyServer, head: bytes) -> None:
    gone = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        while not gone.wait(0.01):
            handler.wfile.write(b"x")

    server.answer = drip

    with pytest.raises(KeysUnavailable):
        fetch(server.url, max_bytes=1_000_000, seconds=0.2)
    gone.set()


def test_no_http_is_refused(server: KeyServer) -> None:
    server.answer = lambda handler: handler.wfile.write(b"hello\r\n\r\n")

    with pytest.raises(KeysUnavailable, match="BadStatusLine"):
        fetch(server.url, max_bytes=10)


def test_nobody_there_is_told(server: KeyServer) -> None:
    with pytest.raises(KeysUnavailable, match="did not answer"):
        fetch("http://127.0.0.1:1/", max_bytes=10)
    assert server.requests == 0
