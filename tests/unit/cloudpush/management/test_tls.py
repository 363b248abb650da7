"""TLS of a line against a server in memory: no bytes of either are lost, however they are cut."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pytest

from cloudpush.management.tls import TlsSession
from tests.fakes.certificates import Contexts, make_contexts

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    return make_contexts(tmp_path_factory.mktemp("tls"))


class Server:
    """The other side."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def shake_hands(self, data: bytes) -> bytes:
        self._incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            self._object.do_handshake()
        return self._outgoing.read()

    def hear(self, data: bytes) -> bytes:
        self._incoming.write(data)
        heard = b""
        while self._incoming.pending or self._object.pending():
            heard += self._object.read()
        return heard

    def say(self, data: bytes) -> bytes:
        self._object.write(data)
        return self._outgoing.read()

    def close(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):  # for the answer of the other side
            self._object.unwrap()
        return self._outgoing.read()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def agreed(contexts: Contexts, *, size: int = 100_000) -> tuple[TlsSession, Server]:
    """Return both sides after the handshake, whose bytes came in pieces of this size."""
    session, server = TlsSession(contexts.client, HOST), Server(contexts.server)
    session.shake_hands()
    said = b""
    while to_server := session.take_outgoing():
        for piece in pieces(server.shake_hands(to_server), size):
            said += session.receive(piece)
    assert said == b""
    return session, server


@pytest.mark.parametrize("size", [1, 1000, 100_000])
def test_what_each_says_the_other_hears(contexts: Contexts, size: int) -> None:
    session, server = agreed(contexts, size=size)

    heard = server.hear(session.seal(b"question" * 5000))
    answer = b"".join(
        session.receive(piece) for piece in pieces(server.say(b"answer" * 9000), size)
    )

    assert session.is_agreed
    assert heard == b"question" * 5000
    assert answer == b"answer" * 9000
    assert not session.is_over


def test_an_end_behind_the_last_words_is_one(contexts: Contexts) -> None:
    session, server = agreed(contexts)

    said = session.receive(server.say(b"goodbye") + server.close())

    assert said == b"goodbye"
    assert session.is_over


def test_a_server_that_nobody_vouches_for_is_told_so(contexts: Contexts) -> None:
    session = TlsSession(ssl.create_default_context(), HOST)
    server = Server(contexts.server)
    session.shake_hands()

    with pytest.raises(ssl.SSLCertVerificationError):
        session.receive(server.shake_hands(session.take_outgoing()))

    assert not session.is_agreed
    with pytest.raises(ssl.SSLError, match="ALERT_UNKNOWN_CA"):
        server.shake_hands(session.take_outgoing())


def test_bytes_that_were_changed_on_the_way_are_an_error(contexts: Contexts) -> None:
    session, server = agreed(contexts)
    sealed = bytearray(server.say(b"answer"))
    sealed[-1] ^= 1

    with pytest.raises(ssl.SSLError):
        session.receive(bytes(sealed))
