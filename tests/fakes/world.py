"""The push service in one process, with clients, a clock and faults that a test drives.

Every port is real or the model of its contract; what is made up is the network between the
service and its clients, and where a function dies. Everything follows from the calls and a seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import json
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random  # noqa: TID251 — seeded by the test
from typing import TYPE_CHECKING, Any, cast

from cloudpush import (
    accepting,
    admission,
    expanding,
    fanout,
    messaging,
    notifying,
    performing,
    sweeping,
)
from cloudpush.delivery import Outlet
from cloudpush.errors import CloudpushError, ReceiverUnavailable
from cloudpush.mailroom import Mailroom
from cloudpush.model import (
    DEFAULT_TTL_MS,
    Expansion,
    FanOut,
    MessageState,
    Notice,
    Policy,
    Position,
    Publication,
    Receipt,
    Trigger,
    shard_of,
)
from cloudpush.ports import DuePage, InboxPage, Outcome, Post, Received
from cloudpush.protocol import MsgType
from cloudpush.queues.memory import MemoryJobQueue
from cloudpush.rights import EVERYBODY
from cloudpush.stores.memory import MemoryConnectionStore
from cloudpush.stores.memory_access import MemoryAccessStore
from cloudpush.stores.memory_fan_outs import MemoryFanOutStore
from cloudpush.stores.memory_inbox import MemoryInboxStore
from cloudpush.stores.memory_messages import MemoryMessageStore
from tests.fakes.limits import NO_LIMIT
from tests.fakes.receivers import RecordingNoticeQueue

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cloudpush.model import Job, Place
    from cloudpush.ports import ConnectionStore, FanOutStore, InboxStore, MessageStore

T0 = 4_102_444_800_000
REMAINING_MS = 60_000


class Died(BaseException):
    """A function was killed in the middle of a call; nothing catches it on its way."""


@dataclass
class Socket:
    """A client's end of a connection."""

    connection_id: str
    client: Client
    is_open: bool = True


@dataclass
class Client:
    """A client that keeps `seq`: it takes what follows on what it has, and drops the rest."""

    client_id: str
    epoch: str = ""
    seq: int = 0
    taken: list[tuple[str, int, str]] = field(default_factory=list[tuple[str, int, str]])
    """Epoch, seq and message id of everything that the application saw, in order."""
    sockets: list[Socket] = field(default_factory=list[Socket])

    def take(self, envelope: dict[str, Any]) -> None:
        """Read an envelope as docs/reference/protocol.md says."""
        match envelope.get("msgType"):  # the gateway's own errors have none
            case 0 | 14 if "epoch" in envelope:
                if not envelope["resumed"]:
                    is_same = envelope["epoch"] == self.epoch
                    self.seq = max(self.seq, envelope["after"]) if is_same else envelope["after"]
                self.epoch = envelope["epoch"]
            case 1 if envelope.get("qos"):
                self._take_kept(envelope)
            case _:
                pass

    def _take_kept(self, envelope: dict[str, Any]) -> None:
        seq, epoch = envelope["seq"], envelope["epoch"]
        if epoch != self.epoch and envelope.get("after") != 0:
            return  # of a log whose beginning this client has not seen: it comes again
        if epoch != self.epoch:
            self.epoch, self.seq = epoch, 0
        if envelope.get("after", seq - 1) <= self.seq < seq:
            self.seq = seq
            self.taken.append((epoch, seq, envelope["messageId"]))

    @property
    def open_sockets(self) -> list[Socket]:
        return [each for each in self.sockets if each.is_open]


class Network:
    """`@connections`, as a `ManagementApi`: sockets, and what goes wrong on the way to them."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.sockets: dict[str, Socket] = {}
        self.faults: dict[str, float] = {}
        """How often, of «lost», «gone», «throttled», «unavailable»."""

    async def post_to_connections(
        self, posts: Sequence[Post], *, deadline_seconds: float = 10.0
    ) -> Sequence[Outcome]:
        del deadline_seconds
        return [self._post(post) for post in posts]

    def _post(self, post: Post) -> Outcome:
        socket = self.sockets.get(post.connection_id)
        if socket is None or not socket.is_open:
            return Outcome.GONE
        drawn = self.chance.random()
        for fault, outcome in (
            ("gone", Outcome.GONE),
            ("throttled", Outcome.THROTTLED),
            ("unavailable", Outcome.UNAVAILABLE),
            ("lost", Outcome.SENT),
        ):
            drawn -= self.faults.get(fault, 0.0)
            if drawn < 0:
                return outcome
        found: Any = json.loads(post.data)
        for envelope in cast("list[dict[str, Any]]", found if isinstance(found, list) else [found]):
            socket.client.take(envelope)
        return Outcome.SENT

    async def delete_connection(self, connection_id: str) -> Outcome:
        socket = self.sockets.get(connection_id)
        if socket is None or not socket.is_open:
            return Outcome.GONE
        socket.is_open = False
        return Outcome.SENT


class FlakyReceiver:
    """A `Receiver` that sometimes fails, before it has taken a body or after."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.fails_at = 0.0
        self.told: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """The states that were told, by message and client: one and the same, if any."""

    async def tell(self, body: bytes, *, now_ms: int) -> None:
        del now_ms
        self._may_fail()
        for each in json.loads(body)["receipts"]:
            self.told[each["messageId"], each["clientId"]].add(each["state"])
        self._may_fail()

    def _may_fail(self) -> None:
        if self._world.chance.random() < self.fails_at:
            raise ReceiverUnavailable("told to fail")


class Mortal:
    """A port whose caller dies at some of its calls: before it is made, or after."""

    def __init__(self, port: object, world: World) -> None:
        self._port = port
        self._world = world

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — a method of the port
        method = getattr(self._port, name)

        def call(*args: object, **options: object) -> object:
            self._world.may_die()
            answer = method(*args, **options)
            self._world.may_die()
            return answer

        async def wait(*args: object, **options: object) -> object:
            self._world.may_die()
            answer = await method(*args, **options)
            self._world.may_die()
            return answer

        return wait if inspect.iscoroutinefunction(method) else call


NO_INBOXES = InboxPage(client_ids=(), cursor=None)
NOTHING_DUE = DuePage(due=(), cursor=None)


class Sparse:
    """A port of which shards in which nothing can be are not asked for.

    A sweep reads 256 of them, which takes a store behind a socket longer than all the rest. `keys`
    are those that anything can be under; they only become more.
    """

    def __init__(self, port: object, nothing: object, keys: Collection[str]) -> None:
        self._port = port
        self._nothing = nothing
        self._keys = keys
        self._shards: set[int] = set()
        self._seen = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 — a method of the port
        method = getattr(self._port, name)
        if name != "read_due":
            return method

        def read_due(places: Sequence[Place], **options: object) -> list[object]:
            if len(self._keys) != self._seen:
                self._seen = len(self._keys)
                self._shards = set(map(shard_of, self._keys))
            asked = [each for each in places if each.shard in self._shards]
            pages = iter(method(asked, **options) if asked else ())
            return [next(pages) if each in asked else self._nothing for each in places]

        return read_due


class World:
    """The service and its clients."""

    def __init__(
        self,
        seed: int,
        *,
        store: ConnectionStore | None = None,
        inboxes: InboxStore | None = None,
        messages: MessageStore | None = None,
        fan_outs: FanOutStore | None = None,
        policy: Policy = Policy.MULTI,
    ) -> None:
        self.policy = policy
        self.chance = Random(seed)
        self.now_ms = T0
        self.dies_at = 0.0
        """How likely a function dies before a call of a port, and after it."""
        self.deaths = 0
        self.clients: dict[str, Client] = {}
        self.accepted: set[str] = set()
        """What the senders were told is accepted, by message id."""
        self.attempted: set[str] = set()
        self.store = store or MemoryConnectionStore()
        self.inboxes = cast(
            "InboxStore", Sparse(inboxes or MemoryInboxStore(), NO_INBOXES, self.clients)
        )
        self.messages = cast(
            "MessageStore",
            Sparse(messages or MemoryMessageStore(), NOTHING_DUE, self.attempted),
        )
        self.fan_outs = fan_outs or MemoryFanOutStore()
        self.queues = [
            MemoryJobQueue(now_ms=self.clock, duplicates=True, reorders=True, seed=seed + number)
            for number in range(3)
        ]
        self.receiver = FlakyReceiver(self)
        self.network = Network(self.chance)
        self._numbers = itertools.count(1)
        self.mailroom = Mailroom(
            outlet=Outlet(
                store=self._mortal(self.store),
                jobs=self._mortal(self.queues[0]),
                gateway=self.network,
            ),
            inboxes=self._mortal(self.inboxes),
            messages=self._mortal(self.messages),
            fan_outs=self._mortal(self.fan_outs),
            fan_out_jobs=self._mortal(self.queues[1]),
            new_id=lambda: f"id-{next(self._numbers)}",
            notices=self._mortal(self.queues[2]),
        )

    def clock(self) -> int:
        """Return the time."""
        return self.now_ms

    def may_die(self) -> None:
        """Die, if it is time."""
        if self.dies_at and self.chance.random() < self.dies_at:
            self.deaths += 1
            raise Died

    def client(self, client_id: str) -> Client:
        """Return a client, who may have no connection."""
        return self.clients.setdefault(client_id, Client(client_id))

    # ── what senders and clients do ───────────────────────────────────────────────────────────

    def publish(
        self, client_ids: list[str] | None, *, ttl_ms: int = DEFAULT_TTL_MS, after_ms: int = 0
    ) -> str:
        """Publish a message of QoS 1, for now or later; a sender without an answer gives up."""
        publication = Publication(
            message_id=f"m-{next(self._numbers)}",
            trigger=Trigger.HTTP,
            sender="system",
            msg={},
            accepted_at_ms=self.now_ms,
        )
        message = accepting.new_message(
            publication, client_ids, ttl_ms=ttl_ms, due_at_ms=self.now_ms + after_ms
        )
        self.attempted.add(message.message_id)
        if self._lives(accepting.accept(message, mailroom=self.mailroom, clock=self.clock)):
            self.accepted.add(message.message_id)
        return message.message_id

    def cancel(self, message_id: str) -> None:
        """Cancel a message, if it is still to be begun."""
        with contextlib.suppress(Died, CloudpushError):
            self.mailroom.messages.cancel(message_id, now_ms=self.now_ms)

    def connect(self, client_id: str, *, says_where: bool = True, batch: bool = False) -> None:
        """Connect: a connection beside the client's others; what greets it is a job."""
        client = self.client(client_id)
        connection_id = f"c{next(self._numbers)}"
        position = Position(client.epoch, client.seq) if says_where and client.epoch else None
        socket = Socket(connection_id, client)
        try:
            admission.admit(
                client_id,
                principal=EVERYBODY,
                connection_id=connection_id,
                session_id=f"{connection_id:0>32}",
                connected_at_ms=self.now_ms,
                position=position,
                takes_batches=batch,
                policy=self.policy,
                store=self.mailroom.outlet.store,
                access=MemoryAccessStore(),
                limit=NO_LIMIT,
                jobs=self.mailroom.outlet.jobs,
                now_ms=self.now_ms,
            )
        except (Died, CloudpushError):
            return  # the handshake failed
        client.sockets.append(socket)
        self.network.sockets[connection_id] = socket

    def disconnect(self, client_id: str, *, says_so: bool) -> None:
        """Lose a client's oldest connection, with `$disconnect` or without."""
        for socket in self.client(client_id).open_sockets[:1]:
            socket.is_open = False
            if says_so:
                self.store.forget(socket.connection_id, now_ms=self.now_ms)

    def say(self, client_id: str, **envelope: object) -> None:
        """Send an envelope over the client's newest connection; a push in it is of QoS 1."""
        for socket in self.client(client_id).open_sockets[-1:]:
            message_id = f"m-{next(self._numbers)}"
            self.attempted.add(message_id)
            is_taken = self._lives(
                messaging.receive(
                    json.dumps(envelope),
                    connection_id=socket.connection_id,
                    message_id=message_id,
                    principal=EVERYBODY,
                    stale_after_ms=0,
                    limit=NO_LIMIT,
                    mailroom=self.mailroom,
                    clock=self.clock,
                )
            )
            if is_taken and envelope["msgType"] == MsgType.BUSINESS:
                self.accepted.add(message_id)

    def send(self, client_id: str, targets: list[str]) -> None:
        """Push to others over the client's newest connection."""
        self.say(client_id, msgType=MsgType.BUSINESS, to=targets, msg={}, qos=1)

    def acknowledge(self, client_id: str, *, beyond: int = 0) -> None:
        """Say how far the client is; with `beyond` it lies."""
        client = self.client(client_id)
        self.say(client_id, msgType=2, seq=client.seq + beyond, epoch=client.epoch)

    # ── what the service does ─────────────────────────────────────────────────────────────────

    def work(self, limit: int = 10) -> int:
        """Do some jobs that are due; one whose function died comes again, as from SQS."""
        done = 0
        for queue in self.queues:
            for job in queue.receive(limit):
                done += 1
                if not self._lives(self._perform(job)):
                    queue.send([job], delay_seconds=self.chance.choice([0, 1, 30]))
        return done

    async def _perform(self, job: Job) -> object:
        if isinstance(job, Expansion):
            return await expanding.perform(job, mailroom=self.mailroom, clock=self.clock)
        if isinstance(job, FanOut):
            return await fanout.perform(
                job,
                mailroom=self.mailroom,
                clock=self.clock,
                remaining_ms=lambda: self.chance.choice([0, REMAINING_MS]),
                report=lambda _: None,
                pause=self._pause,
            )
        if isinstance(job, Notice):
            return await self._notify(job)
        return await performing.perform(
            job, mailroom=self.mailroom, clock=self.clock, pause=self._pause
        )

    async def _notify(self, job: Notice) -> None:
        received = Received(job=job, record_id="r", receipt_handle="h", receive_count=1)
        failed = await notifying.notify(
            [received],
            receiver=self._mortal(self.receiver),
            queue=RecordingNoticeQueue(),
            clock=self.clock,
        )
        if failed:
            raise ReceiverUnavailable("told to fail")

    async def _pause(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)

    def sweep(self) -> None:
        """Do what is done once a minute."""
        for look in (sweeping.hand_over_messages, sweeping.look_after_inboxes):
            try:
                look(mailroom=self.mailroom, clock=self.clock, remaining_ms=lambda: REMAINING_MS)
            except (Died, CloudpushError):
                continue

    def settle_down(self, minutes: int = 12) -> None:
        """End all faults, connect who is away, and let everything that is under way come to rest.

        Half of those that are connected stay so: what they miss has to come by itself.
        """
        self.dies_at = 0.0
        self.network.faults = {}
        self.receiver.fails_at = 0.0
        self._reconnect_half()
        for step in range(minutes * 6):
            while self.work():
                for client in self.clients.values():
                    if client.seq:
                        self.acknowledge(client.client_id)
            for client in self.clients.values():
                if not client.open_sockets:
                    self.connect(client.client_id)
            self.now_ms += 10_000
            if step % 6 == 0:
                self.sweep()

    def _reconnect_half(self) -> None:
        for client in list(self.clients.values()):
            if client.open_sockets and self.chance.random() < 0.5:
                continue
            for _ in client.open_sockets:
                self.disconnect(client.client_id, says_so=True)
            self.connect(client.client_id)

    # ── what must hold ────────────────────────────────────────────────────────────────────────

    def receipts(self, message_id: str) -> list[Receipt]:
        """Return every receipt of a message."""
        return list(
            self.messages.read_receipts(message_id, limit=1000, now_ms=self.now_ms).receipts
        )

    def check(self) -> None:
        """Hold the run to the promise; see docs/explanation/what-is-promised.md."""
        for client in self.clients.values():
            self._check_order(client)
        for message_id in self.accepted:
            self._check_message(message_id)

    def _check_order(self, client: Client) -> None:
        by_epoch: dict[str, list[int]] = {}
        for epoch, seq, message_id in client.taken:
            assert message_id in self.attempted, f"{message_id} was invented"
            by_epoch.setdefault(epoch, []).append(seq)
        for seqs in by_epoch.values():
            assert seqs == sorted(set(seqs)), f"{client.client_id} saw {seqs}"
        ids = [message_id for _, _, message_id in client.taken]
        assert len(ids) == len(set(ids)), f"{client.client_id} saw a message under two numbers"

    def _check_message(self, message_id: str) -> None:
        record = self.messages.get(message_id, now_ms=self.now_ms)
        assert record is not None
        if record.stage is MessageState.CANCELLED:
            assert not self.receipts(message_id), f"{message_id} was cancelled and begun"
            return
        assert not record.is_open, f"{message_id} was never carried through"
        receipts = {each.client_id: each for each in self.receipts(message_id)}
        waiting = {
            client_id
            for client_id in receipts
            for entry in self.inboxes.read_entries(client_id, limit=10_000, now_ms=self.now_ms)
            if entry.publication.message_id == message_id
        }
        counts = record.counts
        assert counts.accepted == counts.settled + len(waiting), f"{message_id}: {counts}"
        for client_id, receipt in receipts.items():
            if receipt.state.is_terminal:
                told = self.receiver.told[message_id, client_id]
                assert told == {receipt.state.name.lower()}, f"{message_id} to {client_id}: {told}"
            seen = [each for _, _, each in self.client(client_id).taken]
            if receipt.state.name == "DELIVERED":
                assert message_id in seen, f"{client_id} never saw {message_id}"
            elif not receipt.state.is_terminal:
                assert client_id in waiting, f"{message_id} to {client_id} is lost"

    def _lives(self, call: Any) -> bool:  # noqa: ANN401 — a coroutine of any result
        """Run a function's call; False if it died or failed."""
        try:
            asyncio.run(call)
        except (Died, CloudpushError):
            return False
        return True

    def _mortal(self, port: Any) -> Any:  # noqa: ANN401 — a port, and one that looks like it
        return Mortal(port, self)
