"""What a tour of the main job needs: the service, closed, with secrets by reference, and an ear.

Contents, secrets and tokens are canaries. What the service and the emulator write, pass on and
answer on the way is kept, and what the functions call of AWS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import jwt
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from cloudpush import api_keys, clock
from cloudpush.rights import Principal, Scope
from cloudpush.stores.dynamodb_access import DynamoDbAccessStore
from cloudpush.stores.redis_access import RedisAccessStore
from cloudpush.stores.redis_client import client_from_url
from local_gateway.privileges import record
from tests.e2e.canaries import places_of, traces_in
from tests.e2e.gateway_process import (
    ROOT,
    Client,
    aws_client,
    free_port,
    main_job,
    running_gateway,
)
from tests.fakes.auth import bearer
from tests.fakes.http_server import ScriptedServer
from tests.fakes.key_server import ISSUER, key_set, running_key_server
from tests.fakes.secrets_server import SecretsServer, in_parameter_store, in_secrets_manager
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from pathlib import Path

    import httpx

    from cloudpush.access import AccessStore
    from local_gateway.privileges.record import AwsCall
    from tests.e2e.gateway_process import Envelope, GatewayProcess
    from tests.fakes.key_server import KeyServer, ProviderKey

CONTENT: Final = "canary-content-4c1b"
MSG: Final = {CONTENT: CONTENT}
SIGNING_SECRET: Final = "canary-signing-secret-9f0d-0123456789"
RECEIPT_SECRET: Final = "canary-receipt-secret-77ab-0123456789"
LINEAGE: Final = "canary-lineage-e05d"
TRACED: Final = {
    "X-Amzn-Trace-Id": f"Root=1-67891233-abcdef012345678912345678;Lineage=1:{LINEAGE}:0"
}
"""The header of a client that has a trace of its own."""
PATIENCE_SECONDS: Final = 60.0
"""How long a request may take: a sweep looks through every shard, and moto is slow."""
EVERYTHING: Final = "push read admin"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tour leaves behind."""

    parameters: dict[str, str]
    """Of the template."""
    canaries: list[str]
    """What must stand in none of `written`."""
    calls: frozenset[AwsCall]
    written: dict[str, str]
    """All that was logged, counted, passed on and refused, by what it is."""
    shown: set[tuple[str, str]]
    """Where the inspector shows canaries, which it may: kind of row and field."""


@dataclass(slots=True)
class Tour:
    """The main job while the tour goes on."""

    store: str
    gateway: GatewayProcess
    receiver: ScriptedServer
    calls: Path
    """The record of what functions call."""
    provider: ProviderKey | None
    """The key that signs its tokens; None is the secret."""
    credentials: list[str] = field(default_factory=list[str])
    """The parts of tokens, tickets and keys that are nobody else's business."""
    refusals: list[str] = field(default_factory=list[str])
    """What those were told who were refused."""
    rows: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    """Of the inspector, by their ids."""

    def issue(self, subject: str, **claims: Any) -> str:  # noqa: ANN401 — any claim
        """Return a token for an hour."""
        now = clock.now_ms() // 1000
        known: dict[str, Any] = {"aud": "cloudpush", "iat": now, "exp": now + 3600, **claims}
        if self.provider is not None:
            token = self.provider.sign(subject, **known)
        else:
            token = jwt.encode({"sub": subject, **known}, SIGNING_SECRET, algorithm="HS256")
        # Its head is the same in all of them and no secret.
        self.credentials += token.split(".")[1:]
        return token

    def make_key(self, name: str, *, is_revoked: bool = False) -> str:
        """Make an API key that may push to all, as `cloudpush keys` does; return its text."""
        principal = Principal(name=name, targets=("*",), scopes=frozenset({Scope.PUSH}))
        made = api_keys.make(principal, now_ms=clock.now_ms())
        self.credentials.append(made.text.rpartition("_")[2])
        with self._access() as access:
            access.add_key(made.key)
            if is_revoked:
                access.revoke_key(made.key.key_id)
        return made.text

    @contextlib.contextmanager
    def _access(self) -> Generator[AccessStore]:
        if self.store == "redis":
            client = client_from_url(self.gateway.stand_in("Redis"))
            with contextlib.closing(client):
                yield RedisAccessStore(client)
        else:
            client = aws_client("dynamodb", self.gateway.stand_in("DynamoDB"))
            with contextlib.closing(client):
                [table] = client.list_tables()["TableNames"]
                yield DynamoDbAccessStore(client, table)

    async def call(self, method: str, path: str, body: Any = None) -> Any:  # noqa: ANN401 — any JSON
        """Call the push API as somebody who may do everything; return its answer, a success."""
        token = self.issue("backend", scope=EVERYTHING, push="*")
        response = await self.ask(token, method, path, json.dumps(body) if body else "")
        assert response.is_success, response.text
        return response.json()

    async def ask(self, credential: str, method: str, path: str, body: str) -> httpx.Response:
        """Call the push API, and keep what it says where it refuses."""
        headers = {**bearer(credential), **TRACED}
        response = await self.gateway.http.request(method, path, content=body, headers=headers)
        if not response.is_success:
            self.refusals.append(f"{response.headers} {response.text}")
        return response

    async def push(self, target: dict[str, Any], **more: object) -> str:
        """Send a message under `/v1`, and return its id."""
        body = {"target": target, "msg": MSG, **more}
        message_id: str = (await self.call("POST", "/v1/messages", body))["messageId"]
        return message_id

    @asynccontextmanager
    async def client(self, client_id: str) -> AsyncGenerator[Client]:
        """Connect a client by a token in the subprotocol, which may push to all."""
        offered = [Subprotocol("cloudpush"), Subprotocol(self.issue(client_id, push="*"))]
        url = f"{self.gateway.websocket_url}?channelId={client_id}"
        async with connect(
            url, subprotocols=offered, additional_headers=TRACED, ping_interval=None
        ) as websocket:
            client = Client(websocket)
            client.hello = await client.receive_until(0)
            yield client

    async def refused(self, client: Client) -> Envelope:
        """Return the ERROR that a client gets next, and keep it."""
        error = await client.receive_until(-1)
        self.refusals.append(json.dumps(error))
        return error

    async def advance(self, seconds: int) -> None:
        """Let time pass for all but the functions, with what is due in it."""
        response = await self.gateway.http.post("/_gateway/clock", json={"advance": seconds})
        assert response.status_code == 200, response.text

    async def look(self) -> None:
        """Take the inspector's rows: it keeps so many that a tour in between fills them."""
        for row in (await self.gateway.http.get("/_gateway/rows")).json()["rows"]:
            self.rows[row["id"]] = row

    async def listed(self) -> str:
        """Return what the emulator lists beside rows, while somebody is connected."""
        async with self.client("watched"):
            paths = ("connections", "why", "template", "faults", "clock", "health")
            answers = [await self.gateway.http.get(f"/_gateway/{each}") for each in paths]
        return "".join(each.text for each in answers)

    def has_called(self, function: str, action: str, resource: str) -> bool:
        """Tell whether a function has done this to what ends so."""
        return any(
            (each.function, each.action) == (function, action) and each.resource.endswith(resource)
            for each in record.read(self.calls)
        )

    async def told(self, client_id: str, state: str) -> None:
        """Wait until the receiver has been told of a client's receipt."""
        receipt = f'"clientId":"{client_id}","state":"{state}"'.encode()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(receipt in each.body for each in self.receiver.requests):
                await self.receiver.came.wait()
                self.receiver.came.clear()


@asynccontextmanager
async def touring(
    store: str, folder: Path, seen: list[Seen], *, provider: ProviderKey | None = None
) -> AsyncGenerator[Tour]:
    """Run the main job closed, with receipts; at the end add to `seen` what was seen.

    Tokens are signed by the secret, or by the key of an identity provider.
    """
    secrets = SecretsServer(signing=SIGNING_SECRET, receipts=RECEIPT_SECRET)
    signing, receipts = in_secrets_manager("signing"), in_parameter_store("receipts")
    if store == "redis":
        signing, receipts = in_parameter_store("signing"), in_secrets_manager("receipts")
    port, file = free_port(), folder / "calls.jsonl"
    with running_key_server() as key_server:
        async with ScriptedServer() as receiver, serving(secrets) as url:
            template = folder / "template.yaml"
            template.write_text(finding_secrets_at(url))
            parameters = {
                "AuthMode": "jwt",
                **trusting(provider, key_server, secret=signing),
                "ConnectionPolicy": "single",
                "LogLevel": "DEBUG",
                "StaleAfterSeconds": "1",
                "ReceiptUrl": f"http://127.0.0.1:{receiver.port}/receipts",
                "ReceiptNetwork": "private",
                "ReceiptSecret": receipts,
            }
            arguments = [
                *main_job(store, port, **parameters),
                *("--record-calls", str(file), "--show-metrics"),
            ]
            arguments[arguments.index("template.yaml")] = str(template)
            async with running_gateway(arguments, port=port) as gateway:
                gateway.http.timeout = PATIENCE_SECONDS
                tour = Tour(store, gateway, receiver, file, provider)
                yield tour
                listed = await tour.listed()
                metrics = (await gateway.http.get("/_gateway/metrics")).text
                await tour.look()
    canaries = [CONTENT, SIGNING_SECRET, RECEIPT_SECRET, LINEAGE, *tour.credentials]
    requests = [f"{each.path} {each.headers} {each.body!r}" for each in receiver.requests]
    seen.append(
        Seen(
            parameters={"Store": store, **parameters},
            canaries=canaries,
            calls=record.read(file) | secrets.calls,
            written={
                "standard output": gateway.banner + gateway.output,
                "log": gateway.log,
                "metrics": metrics,
                "lists of the emulator": listed,
                "traces": "\n".join(traces_in(tour.rows.values())),
                "what others are sent": "\n".join(
                    [*requests, *secrets.requests, *key_server.heads]
                ),
                "refusals": "\n".join(tour.refusals),
            },
            shown=places_of(canaries, tour.rows.values()),
        )
    )


def trusting(provider: ProviderKey | None, server: KeyServer, *, secret: str) -> dict[str, str]:
    """Return the parameters that say whose tokens are good; a provider's key is served."""
    if provider is None:
        return {"AuthSecretArn": secret}
    server.serve(key_set(provider.public()))
    return {
        "AuthAlgorithm": provider.algorithm,
        "AuthJwksUrl": server.url,
        "AuthIssuer": ISSUER,
    }


def finding_secrets_at(url: str) -> str:
    """Return our template, whose functions find Secrets Manager and Parameter Store there."""
    text = (ROOT / "template.yaml").read_text()
    variables = "".join(
        f"\n        AWS_ENDPOINT_URL_{name}: {url}" for name in ("SECRETS_MANAGER", "SSM")
    )
    for before, after in (
        ("      Variables:", f"      Variables:{variables}"),
        ("CodeUri: functions/", f"CodeUri: {ROOT}/functions/"),
        ("ContentUri: layers/", f"ContentUri: {ROOT}/layers/"),
    ):
        assert before in text
        text = text.replace(before, after)
    return text
