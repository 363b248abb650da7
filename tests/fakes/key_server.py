"""An identity provider: keys, tokens that they sign, and an HTTP server with the public ones."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.fakes.auth import claims_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ISSUER: Final = "https://login.example.com/"

PUBLIC_ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")


class ProviderKey:
    """A private key with its id."""

    def __init__(
        self, key_id: str = "k1", algorithm: str = "ES256", *, rsa_bits: int = 2048
    ) -> None:
        self.key_id = key_id
        self.algorithm = algorithm
        self._private: Any = {
            "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits),
            "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate,
        }[algorithm]()

    def public(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401 — any member of a JWK
        """Return the public key as a JWK; None leaves a member out."""
        kind = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}[self.algorithm]
        found: dict[str, Any] = kind.to_jwk(self._private.public_key(), as_dict=True)
        found = {"kid": self.key_id, "use": "sig", "alg": self.algorithm, **found, **more}
        return {name: value for name, value in found.items() if value is not None}

    def sign(
        self,
        subject: str = "alice",
        *,
        is_named: bool = True,
        **claims: Any,  # noqa: ANN401 — any claim
    ) -> str:
        """Return a token that is good for an hour from noon, with the key's id unless not named."""
        return jwt.encode(
            claims_of(subject, **{"iss": ISSUER, **claims}),
            self._private,
            algorithm=self.algorithm,
            headers={"kid": self.key_id} if is_named else None,
        )


def key_set(*keys: dict[str, Any]) -> bytes:
    """Return a JSON Web Key Set."""
    return json.dumps({"keys": keys}).encode()


class KeyServer:
    """What is served, and how often it was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answer: Callable[[BaseHTTPRequestHandler], object] = lambda _: None
        self.requests = 0
        self.heads: list[str] = []
        """What came with each: path and headers."""

    def serve(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        """Answer like this from now on."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(body)

        self.answer = answer


@contextmanager
def running_key_server() -> Generator[KeyServer]:
    """Serve on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests += 1
            served.heads.append(f"{self.path} {self.headers}")
            try:
                served.answer(self)
            except OSError:
                return  # whoever asked has gone

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401 — theirs
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = KeyServer(f"http://127.0.0.1:{server.server_port}/jwks.json")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
