from __future__ import annotations

import pytest

from cloudpush import notifying
from cloudpush.errors import ReceiverForbidden, ReceiverUnavailable
from cloudpush.model import Drain, Notice, Receipt, ReceiptState
from cloudpush.ports import Received
from cloudpush.tally import Tally
from tests.fakes.jobs import RecordingJobQueue
from tests.fakes.push_service import NOON_MS, ManualClock
from tests.fakes.receivers import RecordingNoticeQueue, RecordingReceiver


def a_receipt(client_id: str = "alice", state: ReceiptState = ReceiptState.DELIVERED) -> Receipt:
    return Receipt(message_id="m1", client_id=client_id, state=state, at_ms=NOON_MS)


def received(*receipts: Receipt, record_id: str = "r1", receive_count: int = 1) -> Received:
    return Received(
        job=Notice(receipts=list(receipts)),
        record_id=record_id,
        receipt_handle=f"handle of {record_id}",
        receive_count=receive_count,
    )


def test_only_what_is_final_is_handed_over_in_jobs_of_a_hundred() -> None:
    jobs = RecordingJobQueue()
    delivered = [a_receipt(f"c{number}") for number in range(101)]

    notifying.hand_over([a_receipt(state=ReceiptState.SENT), *delivered], jobs=jobs)

    assert jobs.jobs == [Notice(receipts=delivered[:100]), Notice(receipts=delivered[100:])]


async def test_the_receipts_of_a_batch_are_told_together() -> None:
    receiver, tally = RecordingReceiver(), Tally()
    batch = [
        received(a_receipt("alice"), a_receipt("bob", ReceiptState.EXPIRED)),
        received(a_receipt("carol", ReceiptState.REJECTED), record_id="r2"),
    ]

    failed = await notifying.notify(
        batch, receiver=receiver, queue=RecordingNoticeQueue(), clock=ManualClock(), tally=tally
    )

    assert failed == []
    assert len(receiver.bodies) == 1
    assert receiver.receipts == [
        {"id": f"m1/{name}", "messageId": "m1", "clientId": name, "state": state, "at": NOON_MS}
        for name, state in (("alice", "delivered"), ("bob", "expired"), ("carol", "rejected"))
    ]
    assert tally.counts == {"ReceiptsTold": 3}


@pytest.mark.parametrize("error", [ReceiverUnavailable("500"), ReceiverForbidden("10.0.0.1")])
async def test_what_is_not_taken_fails_and_waits_by_how_often_it_was_tried(
    error: ReceiverUnavailable | ReceiverForbidden,
) -> None:
    queue = RecordingNoticeQueue()
    batch = [
        received(a_receipt(), record_id=f"r{count}", receive_count=count)
        for count in (1, 2, 11, 12, 16, 1000)
    ]

    failed = await notifying.notify(
        batch, receiver=RecordingReceiver(error), queue=queue, clock=ManualClock()
    )

    assert failed == ["r1", "r2", "r11", "r12", "r16", "r1000"]
    assert queue.postponed == list(zip(failed, [2, 4, 2048, 3600, 3600, 3600], strict=True))


async def test_a_queue_that_does_not_postpone_changes_nothing_else() -> None:
    queue = RecordingNoticeQueue()
    queue.is_down = True

    failed = await notifying.notify(
        [received(a_receipt()), received(a_receipt(), record_id="r2")],
        receiver=RecordingReceiver(ReceiverUnavailable("500")),
        queue=queue,
        clock=ManualClock(),
    )

    assert failed == ["r1", "r2"]


async def test_a_job_of_another_queue_is_no_notice() -> None:
    job = Received(
        job=Drain(client_ids=["alice"]), record_id="r1", receipt_handle="h", receive_count=1
    )

    with pytest.raises(TypeError, match="Drain"):
        await notifying.notify(
            [job],
            receiver=RecordingReceiver(),
            queue=RecordingNoticeQueue(),
            clock=ManualClock(),
        )
