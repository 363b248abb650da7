"""The file of `--record-calls`: a line of JSON for each action of a function on a resource.

    {"function": "MessageFunction", "action": "sqs:SendMessage", "resource": "arn:aws:sqs:…"}

Each stands there once. The emulator and its embedded services write to the same file, each line at
once and at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import orjson

from local_gateway.lambdas.variables import FUNCTION_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class AwsCall(NamedTuple):
    """What IAM is asked for a call."""

    function: str
    """Logical id of who calls."""
    action: str
    """`sqs:SendMessage`."""
    resource: str
    """An ARN; a connection's id in it is `*`."""


class CallRecord:
    """Writes calls to a file that is there."""

    def __init__(self, file: Path) -> None:
        """Take the file, which is written at its end."""
        self._file = file.open("ab", buffering=0)
        self._known: set[AwsCall] = set()

    @classmethod
    def begin(cls, file: Path) -> Self:
        """Return the record of a new run.

        Raises:
            OSError: The file can't be written.
        """
        file.write_bytes(b"")
        return cls(file)

    def note(self, function: str, action: str, resource: str) -> None:
        """Write a call, unless it is there."""
        call = AwsCall(function, action, resource)
        if call not in self._known:
            self._known.add(call)
            self._file.write(orjson.dumps(call._asdict()) + b"\n")

    def close(self) -> None:
        """Write no more."""
        self._file.close()


def function_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the logical id of the function that signed a request, None if none did."""
    for name, value in headers:
        if name.lower() == b"x-amz-security-token":
            token = value.decode("latin-1")
            return token.removeprefix(FUNCTION_TOKEN) if token.startswith(FUNCTION_TOKEN) else None
    return None


def read(file: Path) -> frozenset[AwsCall]:
    """Return the calls of a file.

    Raises:
        OSError: It can't be read.
        ValueError: It is no record.
    """
    try:
        return frozenset(AwsCall(**orjson.loads(line)) for line in file.read_bytes().splitlines())
    except TypeError as error:
        raise ValueError(f"a line is no call: {error}") from error
