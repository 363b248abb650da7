"""Our template as `make dev AUTH=jwt` runs it, and the backend that signs its tokens."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt

from cloudpush import cli, clock
from tests.e2e.gateway_process import main_job
from tests.fakes.auth import bearer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.gateway_process import GatewayProcess


class Issuer:
    """A backend that signs tokens, and remembers them."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.issued: list[str] = []

    def issue(self, subject: str, **claims: Any) -> str:  # noqa: ANN401 — any claim
        """Return a token that is good for a minute."""
        now = clock.now_ms() // 1000
        known = {"sub": subject, "aud": "cloudpush", "iat": now, "exp": now + 60}
        token = jwt.encode(known | claims, self.secret, algorithm="HS256")
        self.issued.append(token)
        return token


class Closed(NamedTuple):
    """What a closed gateway is started with, and who signs the tokens that it trusts."""

    arguments: list[str]
    issuer: Issuer


def closed_main_job(folder: Path, port: int, **parameters: str) -> Closed:
    """Make a secret in this folder; return the arguments that `make dev AUTH=jwt` passes."""
    file = folder / "secret.json"
    with contextlib.redirect_stdout(io.StringIO()):  # it shows a token
        cli.main(["development-secret", str(file), "--url", f"http://127.0.0.1:{port}"])
    reference: str = json.loads(file.read_text())["Parameters"]["AUTH_SECRET"]
    arguments = main_job("redis", port, AuthMode="jwt", **parameters)
    return Closed([*arguments, "--env-vars", str(file)], Issuer(reference.removeprefix("plain:")))


class ClosedGateway(NamedTuple):
    """A gateway that asks for tokens, and who signs them."""

    gateway: GatewayProcess
    issuer: Issuer

    def token(self, client_id: str, **claims: Any) -> str:  # noqa: ANN401 — any claim
        """Return a token, which no log may have."""
        token = self.issuer.issue(client_id, **claims)
        self.gateway.canaries.heed_credential(token)
        return token

    async def ticket(self, client_id: str) -> str:
        """Return a ticket of a client that may push to itself, which no log may have."""
        headers = bearer(self.issuer.issue(client_id, push=client_id))
        answer = await self.gateway.http.post("/v1/tickets", headers=headers)
        ticket: str = answer.json()["ticket"]
        self.gateway.canaries.heed_credential(ticket)
        return ticket
