"""The nouns: connections, publications, what is kept of them, and the jobs in the queues.

    connections  who is connected, and the shards
    messages     publications, kept messages, receipts and their counts
    fan_outs     how far a publication to many is
    inboxes      what waits for a client
    jobs         what a queue carries

Everything here is immutable and does no I/O. Times are integers in milliseconds since the
epoch, durations say their unit in their name.
"""

from cloudpush.model.connections import (
    CONNECTION_LIFETIME_MS,
    MAX_CONNECTIONS_PER_CLIENT,
    SHARDS,
    TOMBSTONE_LIFETIME_MS,
    YOUNG_MS,
    Connection,
    Generation,
    Policy,
    shard_of,
)
from cloudpush.model.fan_outs import Place, Posted
from cloudpush.model.inboxes import (
    INBOX_BYTES,
    INBOX_DEPTH,
    INBOX_LIFETIME_MS,
    WINDOW_BYTES,
    WINDOW_MESSAGES,
    Copy,
    Entry,
    Inbox,
    Position,
)
from cloudpush.model.jobs import Delivery, Drain, Eviction, Expansion, FanOut, Job, Notice, Welcome
from cloudpush.model.messages import (
    DEFAULT_TTL_MS,
    MAX_TTL_MS,
    MIN_TTL_MS,
    RECORD_LIFETIME_MS,
    TARGETS_PER_SHARD,
    Counts,
    Listing,
    Message,
    MessageState,
    Publication,
    Receipt,
    Receipts,
    ReceiptState,
    Trigger,
)

__all__ = [
    "CONNECTION_LIFETIME_MS",
    "DEFAULT_TTL_MS",
    "INBOX_BYTES",
    "INBOX_DEPTH",
    "INBOX_LIFETIME_MS",
    "MAX_CONNECTIONS_PER_CLIENT",
    "MAX_TTL_MS",
    "MIN_TTL_MS",
    "RECORD_LIFETIME_MS",
    "SHARDS",
    "TARGETS_PER_SHARD",
    "TOMBSTONE_LIFETIME_MS",
    "WINDOW_BYTES",
    "WINDOW_MESSAGES",
    "YOUNG_MS",
    "Connection",
    "Copy",
    "Counts",
    "Delivery",
    "Drain",
    "Entry",
    "Eviction",
    "Expansion",
    "FanOut",
    "Generation",
    "Inbox",
    "Job",
    "Listing",
    "Message",
    "MessageState",
    "Notice",
    "Place",
    "Policy",
    "Position",
    "Posted",
    "Publication",
    "Receipt",
    "ReceiptState",
    "Receipts",
    "Trigger",
    "Welcome",
    "shard_of",
]
