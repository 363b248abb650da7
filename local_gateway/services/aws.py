"""The child process that is SQS and DynamoDB, and the template's queues and tables in it.

Starting moto takes as long as translating a template, so `launch` begins the one before the other:
the child's port is known at once, because the emulator opens it and hands it over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from local_gateway import clock
from local_gateway.errors import StartError, TemplateError
from local_gateway.services.errors import CallRejected, ServiceGone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from local_gateway.api import Application, Identity, Queue, Table
    from local_gateway.services.client import ServiceClient

_logger = logging.getLogger(__name__)

_START_TIMEOUT_SECONDS = 30.0
_STOP_TIMEOUT_SECONDS = 2.0


class Services:
    """SQS and DynamoDB for one template, in a child process that dies with the emulator.

    `launch()`, then `await provision(application)` once the template is known, or `await
    start(application)` for both. A template without queues and tables has no child after that.
    """

    def __init__(self, identity: Identity, *, record_calls: Path | None = None) -> None:
        """Take whose account and region the services belong to, and where calls are recorded."""
        self._identity = identity
        self._record_calls = record_calls
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: socket.socket | None = None
        self._listener: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._client: ServiceClient | None = None
        self._created: set[str] = set()
        """The names of queues and tables that are there."""
        self._callbacks: dict[str, list[Callable[[int], None]]] = {}
        self._port = 0
        self._words: asyncio.StreamWriter | None = None
        self._unheard: deque[asyncio.Future[None]] = deque()

    @property
    def url(self) -> str:
        """Return the endpoint of both services, `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_running(self) -> bool:
        """Return whether the child is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what the functions need to find the services; empty without a child."""
        if self._process is None:
            return {}
        return {"AWS_ENDPOINT_URL_SQS": self.url, "AWS_ENDPOINT_URL_DYNAMODB": self.url}

    @property
    def client(self) -> ServiceClient:
        """Return the client of the child; there is one once the template is provisioned."""
        if self._client is None:
            raise RuntimeError("the services have not been provisioned")
        return self._client

    def on_sent(self, queue_name: str, callback: Callable[[int], None]) -> None:
        """Call `callback` for each message of a queue, with when it can be received.

        The time is in milliseconds since the epoch, and may have passed. Word may get lost under
        load: whoever needs every message also looks by himself now and then.
        """
        self._callbacks.setdefault(queue_name, []).append(callback)

    async def tell_time(self) -> None:
        """Let the child follow the emulated time.

        When this returns, `on_sent` has said all that was sent before it was called.
        """
        if self._words is not None:
            heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._unheard.append(heard)
            self._words.write(f"{_time()}\n".encode())
            await heard

    def launch(self) -> None:
        """Start the child and return at once; a second call does nothing."""
        if self._process is not None:
            return
        ours, theirs = socket.socketpair()
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, theirs:
            self._port = listening.getsockname()[1]
            options: dict[str, Any] = {
                "listen": listening.fileno(),
                "pipe": theirs.fileno(),
                "account_id": self._identity.account_id,
                "region": self._identity.region,
                "partition": self._identity.partition,
                "record": self._record_calls and str(self._record_calls.absolute()),
                "time": _time(),
            }
            module = "local_gateway.services.moto_server"
            # -P: a file of the user's named like a library must not be imported instead of it.
            self._process = subprocess.Popen(  # noqa: S603 — our own program
                [sys.executable, "-P", "-m", module, orjson.dumps(options).decode()],
                pass_fds=(listening.fileno(), theirs.fileno()),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us: we stop it once the functions are done
            )
        self._pipe = ours

    async def start(self, application: Application) -> None:
        """Launch the child and create what the template declares."""
        if application.queues or application.tables:
            self.launch()
        await self.provision(application)

    async def provision(self, application: Application) -> None:
        """Create the template's queues and tables, all in one go.

        Raises:
            StartError: The child ended, or never answered.
            TemplateError: A queue or table was refused, as AWS would refuse it.
        """
        if not application.queues and not application.tables:
            await self.stop()
            return
        await self._await_ready()
        from local_gateway.services.client import (  # noqa: PLC0415 — 0.2 s that others are spared
            ServiceClient,
        )

        self._client = ServiceClient(self.url, self._identity.region)
        await self._create_all(application)

    async def provision_more(self, application: Application) -> None:
        """Create the queues and tables of a changed template that are not there yet.

        Raises:
            TemplateError: One was refused; or there are some, and the child has not been started.
        """
        tables = {n: t for n, t in application.tables.items() if t.name not in self._created}
        queues = {n: q for n, q in application.queues.items() if q.name not in self._created}
        if not tables and not queues:
            return
        if self._client is None:
            raise TemplateError(
                "it is the template's first table or queue, which takes a restart",
                file=application.template,
                logical_id=next(iter({**tables, **queues})),
            )
        await self._create_all(replace(application, tables=tables, queues=queues))

    async def _create_all(self, application: Application) -> None:
        creations = [
            self._create_table(table, application) for table in application.tables.values()
        ]
        await asyncio.gather(self._create_queues(application), *creations)
        self._created.update(each.name for each in application.tables.values())
        self._created.update(each.name for each in application.queues.values())

    async def stop(self) -> None:
        """Stop the child and forget its data. May be called twice."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it holds nothing that is worth a goodbye
            await asyncio.to_thread(process.wait, _STOP_TIMEOUT_SECONDS)

    async def _await_ready(self) -> None:
        if self._pipe is None:
            self.launch()
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="embedded-services")
        waiting = asyncio.create_task(self._ready.wait())
        done, _ = await asyncio.wait(
            {waiting, self._listener},
            timeout=_START_TIMEOUT_SECONDS,
            return_when=asyncio.FIRST_COMPLETED,
        )
        if waiting not in done:
            waiting.cancel()
            raise StartError("the embedded SQS and DynamoDB did not start; see the lines above")

    async def _listen(self) -> None:
        """Read the child's lines until it ends."""
        pipe = self._pipe
        if pipe is None:
            return
        reader, self._words = await asyncio.open_unix_connection(sock=pipe.dup())
        try:
            async for line in reader:
                self._hear(line.decode().split())
        finally:
            self._words.close()
            self._words = None
            while self._unheard:
                self._unheard.popleft().cancel()
        _logger.error("the embedded SQS and DynamoDB ended; queues and tables are gone")

    def _hear(self, words: list[str]) -> None:
        if words == ["ready"]:
            self._ready.set()
            return
        if words == ["heard"]:
            heard = self._unheard.popleft()
            if not heard.done():
                heard.set_result(None)
            return
        queue_name, due_ms = words
        for callback in self._callbacks.get(queue_name, ()):
            callback(int(due_ms))

    async def _create_queues(self, application: Application) -> None:
        """Create dead-letter queues before the queues that name them; SQS wants it so."""
        for generation in generations(application.queues.values()):
            await asyncio.gather(*(self._create_queue(queue, application) for queue in generation))

    async def _create_queue(self, queue: Queue, application: Application) -> None:
        arguments = {"QueueName": queue.name, "Attributes": dict(queue.attributes)}
        await self._create("sqs", "CreateQueue", arguments, queue.logical_id, application)

    async def _create_table(self, table: Table, application: Application) -> None:
        name, of = table.logical_id, application
        arguments = {"TableName": table.name, **table.create}
        await self._create("dynamodb", "CreateTable", arguments, name, of)
        if table.ttl_attribute is not None:
            arguments = {
                "TableName": table.name,
                "TimeToLiveSpecification": {
                    "Enabled": True,
                    "AttributeName": table.ttl_attribute,
                },
            }
            await self._create("dynamodb", "UpdateTimeToLive", arguments, name, of)

    async def _create(
        self,
        service: str,
        action: str,
        arguments: Mapping[str, Any],
        logical_id: str,
        application: Application,
    ) -> None:
        try:
            await self.client.call(service, action, arguments)
        except CallRejected as error:
            raise TemplateError(
                f"{action} was refused: {error.message or error.code}",
                file=application.template,
                logical_id=logical_id,
                path="Properties",
            ) from error
        except ServiceGone as error:
            raise StartError(str(error)) from error


def _time() -> str:
    """Return the emulated time as the child's program reads it."""
    return " ".join(map(repr, clock.state()))


def generations(queues: Iterable[Queue]) -> list[list[Queue]]:
    """Return the queues in groups, each after the group with its dead-letter queues.

    A dead-letter queue that isn't in the template counts as there; queues that name each other in a
    circle come last, and SQS refuses them.
    """
    waiting = {queue.arn: queue for queue in queues}
    groups: list[list[Queue]] = []
    while waiting:
        group = [queue for queue in waiting.values() if _dead_letter_arn(queue) not in waiting]
        group = group or list(waiting.values())
        groups.append(group)
        for queue in group:
            del waiting[queue.arn]
    return groups


def _dead_letter_arn(queue: Queue) -> str | None:
    policy = queue.attributes.get("RedrivePolicy")
    if not policy:
        return None
    arn: object = orjson.loads(policy).get("deadLetterTargetArn")
    return None if arn == queue.arn else str(arn)
