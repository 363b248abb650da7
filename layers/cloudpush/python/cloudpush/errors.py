"""Every error that the push service raises on purpose.

    CloudpushError                  abstract: `code` is stable, `temporary` decides a retry
    ├── ClientError                 the caller's fault: answered, never retried
    │   ├── InvalidClientId         invalid_client_id
    │   ├── InvalidMessage          invalid_message
    │   ├── NoTarget                no_target
    │   ├── TooManyTargets          too_many_targets
    │   ├── PayloadTooLarge         payload_too_large
    │   ├── TooManyConnections      too_many_connections
    │   ├── TooManyRequests         too_many_requests       temporary
    │   ├── Unauthorized            unauthorized
    │   ├── Forbidden               forbidden
    │   ├── NotConnected            not_connected
    │   ├── NotFound                not_found
    │   ├── Conflict                conflict
    │   │   ├── KeyReused           idempotency_key_reused
    │   │   └── RequestUnderWay     request_under_way       temporary
    │   └── Unsupported             unsupported
    └── ServiceError                ours or AWS's: logged, answered as code and `temporary`
        ├── StoreUnavailable        store_unavailable       temporary
        ├── QueueUnavailable        queue_unavailable       temporary
        ├── GatewayUnavailable      gateway_unavailable     temporary
        ├── GatewayRefused          gateway_refused
        ├── SecretUnavailable       secret_unavailable      temporary
        ├── KeysUnavailable         keys_unavailable        temporary
        ├── ReceiverUnavailable     receiver_unavailable    temporary
        ├── ReceiverForbidden       receiver_forbidden
        ├── HopLimitReached         hop_limit_reached
        ├── JobUnreadable           job_unreadable
        └── ConfigurationWrong      configuration_wrong

Errors become replies, statuses or batch failures in `boundary` and nowhere else.
"""

from __future__ import annotations

from typing import ClassVar


class CloudpushError(Exception):
    """The root of what this package raises on purpose."""

    code: ClassVar[str] = "internal"
    temporary: ClassVar[bool] = False
    retry_after_ms: int | None = None
    """When the same call is worth trying again, where that is known."""
    message_id: str | None = None
    """The sender's own id of the message that failed, where it is known: its answer echoes it."""


class ClientError(CloudpushError):
    """The caller's fault; its text may be shown to the caller."""


class InvalidClientId(ClientError):
    """A client id is missing or ill-formed."""

    code = "invalid_client_id"


class InvalidMessage(ClientError):
    """A text from a client, or a request body, is not what the protocol allows."""

    code = "invalid_message"


class NoTarget(ClientError):
    """A publication is addressed to nobody."""

    code = "no_target"


class TooManyTargets(ClientError):
    """A publication lists more targets than one request may."""

    code = "too_many_targets"


class PayloadTooLarge(ClientError):
    """The final envelope is larger than the published limit."""

    code = "payload_too_large"


class TooManyConnections(ClientError):
    """The client already holds as many connections as it may."""

    code = "too_many_connections"


class TooManyRequests(ClientError):
    """Somebody does something more often than the deployment allows."""

    code = "too_many_requests"
    temporary = True

    def __init__(self, text: str, *, retry_after_ms: int = 1000) -> None:
        """Take the text, and how long to wait."""
        super().__init__(text)
        self.retry_after_ms = retry_after_ms


class Unauthorized(ClientError):
    """There is no token, or it is none that we trust. The text never says what is wrong with it."""

    code = "unauthorized"


class Forbidden(ClientError):
    """Who asks is known, and may not do this."""

    code = "forbidden"


class NotConnected(ClientError):
    """The sender's connection is unknown, forgotten or expired."""

    code = "not_connected"


class NotFound(ClientError):
    """There is no such message, client or path."""

    code = "not_found"


class Conflict(ClientError):
    """What is asked for does not go with how far the thing is."""

    code = "conflict"


class KeyReused(Conflict):
    """An idempotency key was used before, for another request."""

    code = "idempotency_key_reused"


class RequestUnderWay(Conflict):
    """The same request, under the same idempotency key, has no answer yet."""

    code = "request_under_way"
    temporary = True
    retry_after_ms = 2000


class Unsupported(ClientError):
    """The protocol reserves this, and it is not built."""

    code = "unsupported"


class ServiceError(CloudpushError):
    """Not the caller's fault: logged with a traceback, shown as `code` and `temporary` alone."""


class StoreUnavailable(ServiceError):
    """The connection store did not answer, or throttled."""

    code = "store_unavailable"
    temporary = True
    retry_after_ms = 1000


class QueueUnavailable(ServiceError):
    """The queue did not take a job."""

    code = "queue_unavailable"
    temporary = True
    retry_after_ms = 1000


class GatewayUnavailable(ServiceError):
    """The management API did not answer, or answered 5xx."""

    code = "gateway_unavailable"
    temporary = True
    retry_after_ms = 1000


class GatewayRefused(ServiceError):
    """The management API refused the call: signature, permission or stage."""

    code = "gateway_refused"


class SecretUnavailable(ServiceError):
    """The service that keeps a secret did not answer, or throttled."""

    code = "secret_unavailable"
    temporary = True


class KeysUnavailable(ServiceError):
    """The identity provider's key set cannot be had, or is none."""

    code = "keys_unavailable"
    temporary = True


class ReceiverUnavailable(ServiceError):
    """The receiver of receipts did not take them: no answer in time, or none of success."""

    code = "receiver_unavailable"
    temporary = True


class ReceiverForbidden(ServiceError):
    """The receiver's name stands for an address that no receipts are sent to."""

    code = "receiver_forbidden"


class HopLimitReached(ServiceError):
    """A chain of jobs is longer than any should be: it ends, and stays in the dead-letter queue."""

    code = "hop_limit_reached"


class JobUnreadable(ServiceError):
    """A record is no job of ours: it fails until it stays in the dead-letter queue."""

    code = "job_unreadable"


class ConfigurationWrong(ServiceError):
    """A setting is missing or has a value that is not allowed."""

    code = "configuration_wrong"
