"""What the verbs need from outside, each port stated once, as a contract.

    connections   who is connected
    inboxes       what waits for a client, and who may send it
    messages      what became of a message
    fan_outs      how far a publication to many is, and how fast it may go
    records       what a caller repeated, and what happened when
    signing_keys  what the signatures of tokens are verified with
    queues        jobs on their way, those that failed, and who is told of receipts
    gateway       what posts to connections

Stores and queues answer in one round trip and are synchronous; posting keeps many requests
in flight and is asynchronous. Every implementation passes the same contract suite
(`tests/contract`). No vendor error leaves an adapter: it raises `StoreUnavailable`,
`QueueUnavailable`, `GatewayUnavailable` or `GatewayRefused`.
"""

from cloudpush.ports.connections import Admission, ConnectionStore, Page
from cloudpush.ports.fan_outs import (
    BudgetStore,
    FanOutClaim,
    FanOutProgress,
    FanOutStep,
    FanOutStore,
)
from cloudpush.ports.gateway import ManagementApi, Outcome, Post
from cloudpush.ports.inboxes import Append, Claim, Copies, Grant, InboxPage, InboxStore, Outgoing
from cloudpush.ports.messages import (
    DueMessage,
    DuePage,
    MessagePage,
    MessageRecord,
    MessageStore,
    ReceiptPage,
    Recorded,
)
from cloudpush.ports.queues import (
    DeadLetter,
    DeadLetterCount,
    DeadLetterQueue,
    JobQueue,
    NoticeQueue,
    Received,
    Receiver,
    RedriveQueue,
)
from cloudpush.ports.records import IdempotencyStore, Minute, Repeat, StatisticsStore
from cloudpush.ports.signing_keys import SigningKeys

__all__ = [
    "Admission",
    "Append",
    "BudgetStore",
    "Claim",
    "ConnectionStore",
    "Copies",
    "DeadLetter",
    "DeadLetterCount",
    "DeadLetterQueue",
    "DueMessage",
    "DuePage",
    "FanOutClaim",
    "FanOutProgress",
    "FanOutStep",
    "FanOutStore",
    "Grant",
    "IdempotencyStore",
    "InboxPage",
    "InboxStore",
    "JobQueue",
    "ManagementApi",
    "MessagePage",
    "MessageRecord",
    "MessageStore",
    "Minute",
    "NoticeQueue",
    "Outcome",
    "Outgoing",
    "Page",
    "Post",
    "ReceiptPage",
    "Received",
    "Receiver",
    "Recorded",
    "RedriveQueue",
    "Repeat",
    "SigningKeys",
    "StatisticsStore",
]
