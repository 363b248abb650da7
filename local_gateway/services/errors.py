"""What can go wrong when the embedded services are called.

ServiceError         abstract
├── CallRejected     the service answered with an error: the same call fails again
└── ServiceGone      the child process isn't there or didn't answer
"""

from __future__ import annotations


class ServiceError(Exception):
    """A call of an embedded service failed."""


class CallRejected(ServiceError):
    """The service answered with an error."""

    def __init__(self, action: str, code: str, message: str) -> None:
        """Take what was called, and the error as AWS names and words it."""
        self.action = action
        self.code = code
        self.message = message
        super().__init__(f"{action}: {code}: {message}")


class ServiceGone(ServiceError):
    """The child process isn't there, or it didn't answer in time."""

    def __init__(self, action: str) -> None:
        """Take what was called."""
        self.action = action
        super().__init__(f"{action}: the embedded SQS and DynamoDB do not answer")
