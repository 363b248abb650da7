"""A delayed push of QoS 0: whoever finishes its part first sends it, and nobody else."""

from __future__ import annotations

from cloudpush import accepting, expanding
from cloudpush.model import Expansion
from tests.fakes.push_service import NOON_MS, Stage, a_publication


async def test_of_two_jobs_at_the_same_time_one_fires() -> None:
    stage = Stage()
    stage.connect("alice")
    message = accepting.new_message(a_publication(), ["alice"], qos=0, due_at_ms=NOON_MS + 1000)
    await accepting.accept(message, mailroom=stage.mailroom, clock=stage.clock)

    for _ in range(2):  # both have read that the part is open
        await expanding.expand(
            message,
            Expansion(message_id=message.message_id, part=0),
            mailroom=stage.mailroom,
            clock=stage.clock,
            remaining_ms=lambda: 60_000,
        )

    assert stage.posted_to == ["alice-1"]
