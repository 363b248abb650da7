"""`@connections` over HTTP, fast: an adapter of the `ManagementApi` port.

In the order in which a post meets them:

    api          a call: which posts, in which order, until when, with what outcome
    credentials  who signs
    endpoint     where to: one stage, and the path of one connection in it
    signing      Signature Version 4, equal to botocore's, with what repeats kept
    pool         which line takes a post: growth, shrinkage, the one retry
    line         one HTTP/1.1 keep-alive connection, as an asyncio protocol
    answer       HTTP/1.1 answers, read without I/O

`connection` means a client's WebSocket everywhere in this service, so a TCP or TLS connection
to the management API is called a *line* here.
"""

from cloudpush.management.api import HttpManagementApi
from cloudpush.management.credentials import ChainCredentials, Credentials, FrozenCredentials

__all__ = ["ChainCredentials", "Credentials", "FrozenCredentials", "HttpManagementApi"]
