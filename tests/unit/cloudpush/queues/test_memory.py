from __future__ import annotations

from cloudpush.model import FanOut
from cloudpush.queues.memory import MemoryJobQueue


def fan_outs(count: int) -> list[FanOut]:
    return [FanOut(message_id=str(number)) for number in range(count)]


def receive_all(queue: MemoryJobQueue) -> list[object]:
    received: list[object] = []
    while jobs := queue.receive():
        received += jobs
    return received


def test_without_switches_jobs_come_once_and_in_order() -> None:
    queue = MemoryJobQueue(now_ms=lambda: 0)
    queue.send(fan_outs(30))

    assert receive_all(queue) == fan_outs(30)
    assert len(queue) == 0


def test_switch_delivers_some_jobs_more_than_once() -> None:
    queue = MemoryJobQueue(now_ms=lambda: 0, duplicates=True)
    queue.send(fan_outs(30))

    received = receive_all(queue)

    assert len(received) > 30
    assert all(job in received for job in fan_outs(30))


def test_switch_delivers_jobs_out_of_order() -> None:
    queue = MemoryJobQueue(now_ms=lambda: 0, reorders=True)
    queue.send(fan_outs(30))

    received = receive_all(queue)

    assert received != fan_outs(30)
    assert sorted(map(repr, received)) == sorted(map(repr, fan_outs(30)))


def test_one_seed_gives_one_run() -> None:
    runs: list[list[object]] = []
    for _ in range(2):
        queue = MemoryJobQueue(now_ms=lambda: 0, duplicates=True, reorders=True, seed=42)
        queue.send(fan_outs(30))
        runs.append(receive_all(queue))

    assert runs[0] == runs[1]
