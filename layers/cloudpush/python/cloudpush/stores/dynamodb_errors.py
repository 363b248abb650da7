"""What an error of DynamoDB means to the store: one table, used at every call.

ConditionFailed     one item's condition was false; shows the item as it is
Conflict            another writer was faster, or a transaction's condition was false
StoreUnavailable    no answer, throttled, overloaded; the parent of both, so that a race
that is lost again and again ends as this
ConfigurationWrong  no such table, no permission, no credentials, a key of another schema
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    HTTPClientError,
    IncompleteReadError,
)
from botocore.exceptions import ConnectionError as NetworkError
from botocore.parsers import ResponseParserError

from cloudpush.errors import ConfigurationWrong, ServiceError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from cloudpush.stores.dynamodb_items import Item


class ConditionFailed(StoreUnavailable):
    """The condition of a single write was false."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("a condition was false")
        self.item = item
        """The item that is there instead, or None if there is none."""


class Conflict(StoreUnavailable):
    """A transaction's condition was false, or another one holds one of its items."""


_RACES: Final = frozenset(
    {
        "ReplicatedWriteConflictException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

_UNAVAILABLE: Final = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

_WRONG: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IdempotentParameterMismatchException",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "ItemCollectionSizeLimitExceededException",
        "MissingAuthenticationTokenException",
        "ResourceNotFoundException",
        "SerializationException",
        "UnrecognizedClientException",
        "ValidationError",
        "ValidationException",
    }
)

_NETWORK: Final = (
    HTTPClientError,
    NetworkError,
    IncompleteReadError,
    ChecksumError,
    ResponseParserError,
)
"""Refused, reset, timed out, no TLS, no name, half an answer."""

_LOST: Final = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
"""The reasons of a cancelled transaction that mean that another writer was faster."""

MAPPED_CODES: Final = (
    _RACES
    | _UNAVAILABLE
    | _WRONG
    | {"ConditionalCheckFailedException", "TransactionCanceledException"}
)
"""Every error code that has a meaning of its own here; any other is judged by its status."""


@contextlib.contextmanager
def translated_errors() -> Generator[None]:
    """Raise one of the four errors of this module for every error of botocore inside."""
    try:
        yield
    except ClientError as error:
        raise meaning_of(error) from error
    except _NETWORK as error:
        raise StoreUnavailable(f"DynamoDB: {error}") from error
    except BotoCoreError as error:
        raise ConfigurationWrong(f"DynamoDB: {error}") from error


def meaning_of(error: ClientError) -> ServiceError:
    """Return our error for an answer that is an error."""
    answer = cast("dict[str, Any]", error.response)
    code: str = answer.get("Error", {}).get("Code", "")
    status: int = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "ConditionalCheckFailedException":
        return ConditionFailed(answer.get("Item"))
    if code == "TransactionCanceledException":
        return _meaning_of_cancellation(answer)
    if code in _RACES:
        return Conflict(code)
    if code in _UNAVAILABLE or (code not in _WRONG and status >= 500):  # noqa: PLR2004 — 5xx
        return StoreUnavailable(f"DynamoDB: {code}")
    return ConfigurationWrong(f"DynamoDB: {error}")


def _meaning_of_cancellation(answer: Mapping[str, Any]) -> ServiceError:
    reasons = answer.get("CancellationReasons", [])
    codes = {reason.get("Code", "None") for reason in reasons} - {"None"}
    # The worst reason decides: a wrong write never succeeds, whatever else happened to it.
    if codes <= _LOST:
        return Conflict(", ".join(sorted(codes)))
    if codes <= _LOST | _UNAVAILABLE:
        return StoreUnavailable(f"DynamoDB: {', '.join(sorted(codes))}")
    return ConfigurationWrong(f"DynamoDB: {reasons}")
