"""Every reason for which a request is not let in, and what the caller is told.

    AuthorizationError              abstract; `answer` refuses the request, the text says why
    ├── Unauthorized                401 Unauthorized: no identity source, or the authorizer says so
    ├── Forbidden                   403 Forbidden: a policy denies it, or none allows it
    ├── AccessDenied                403: the caller's own policies don't allow it
    ├── AuthorizerFailed            500: the authorizer raised, or returned no policy
    ├── KeyRefused                  403 Forbidden: no API key, or one that doesn't count here
    ├── RateExceeded                429: the usage plan's throttle
    ├── QuotaExceeded               429: the usage plan's quota
    └── SignatureError              abstract; 403
        ├── MissingAuthenticationToken  there is no signature
        ├── IncompleteSignature         a part of it is missing
        ├── UnrecognizedClient          the access key or the session token is unknown
        └── InvalidSignature            it is another one, expired, or made for something else

None of them is temporary but the two of the usage plan: the same request is refused again.
"""

from __future__ import annotations

from typing import ClassVar

import orjson

from local_gateway import answer
from local_gateway.answer import Answer


class AuthorizationError(Exception):
    """A request that is not let in; the text says why, for the developer."""

    temporary: ClassVar[bool] = False
    answer: Answer


class Unauthorized(AuthorizationError):
    """An identity source is missing, or the authorizer raised exactly `Unauthorized`."""

    answer = answer.UNAUTHORIZED


class Forbidden(AuthorizationError):
    """The authorizer's policy denies the request, or doesn't allow it."""

    answer = answer.FORBIDDEN


class AccessDenied(AuthorizationError):
    """The policies of who signed the request don't allow it."""

    def __init__(self, *, user: str, action: str, resource: str, shown: str) -> None:
        """Take who wants what; `shown` is the resource as the answer names it."""
        self.user = user
        self.action = action
        self.resource = resource
        message = f"User: {user} is not authorized to perform: {action} on resource: {shown}"
        # The capital letter is AWS's.
        self.answer = Answer(403, "AccessDeniedException", orjson.dumps({"Message": message}))
        super().__init__(f"{user} may not {action} on {resource}")


class AuthorizerFailed(AuthorizationError):
    """The authorizer raised, was not invocable, or returned something else than a policy."""

    answer = answer.INTERNAL_SERVER_ERROR


class KeyRefused(AuthorizationError):
    """There is no API key, or it is unknown, disabled, or in no usage plan of the stage."""

    answer = answer.FORBIDDEN


class RateExceeded(AuthorizationError):
    """The usage plan's requests per second are used up."""

    temporary = True
    answer = answer.TOO_MANY_REQUESTS


class QuotaExceeded(AuthorizationError):
    """The usage plan's requests of the period are used up."""

    temporary = True
    answer = answer.QUOTA_EXCEEDED


class SignatureError(AuthorizationError):
    """A request without a valid signature."""

    error_type: ClassVar[str]

    def __init__(self, message: str) -> None:
        """Take the text that AWS answers with."""
        self.answer = answer.error(403, self.error_type, message)
        super().__init__(message.partition("\n")[0])


class MissingAuthenticationToken(SignatureError):
    """Neither an `Authorization` header nor a signed query string."""

    error_type = "MissingAuthenticationTokenException"

    def __init__(self) -> None:
        """Say so."""
        super().__init__("Missing Authentication Token")


class IncompleteSignature(SignatureError):
    """An `Authorization` header or query string that lacks a part, or can't be read."""

    error_type = "IncompleteSignatureException"


class UnrecognizedClient(SignatureError):
    """The access key is unknown, or the session token is not the one that belongs to it."""

    error_type = "UnrecognizedClientException"

    def __init__(self) -> None:
        """Say so, in the words for both."""
        super().__init__("The security token included in the request is invalid.")


class InvalidSignature(SignatureError):
    """The signature is another one, of another time, or for another service or region."""

    error_type = "InvalidSignatureException"
