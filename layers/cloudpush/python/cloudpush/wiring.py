"""Which adapter stands behind which port: built from the settings when first asked for.

The only module that imports adapters, and each only where the settings want it: a function that
never posts does not pay for the way to the gateway, and with DynamoDB nothing imports redis.

On Lambda a function asks while it is initialised, by `prepare`: there it has more of the processor
than its memory buys it later, and no client waits.
"""

# ruff: noqa: PLC0415 — imports stand where they are needed; see above

from __future__ import annotations

import contextlib
import functools
import ssl
import threading
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cloudpush import clock, ids, observability, settings
from cloudpush.api_keys import ApiKeys
from cloudpush.delivery import Outlet
from cloudpush.errors import ConfigurationWrong, SecretUnavailable, ServiceError
from cloudpush.limiting import Limit
from cloudpush.mailroom import Mailroom
from cloudpush.pacing import Budget
from cloudpush.revoking import Revocations
from cloudpush.rights import EVERYBODY, read_context
from cloudpush.settings import AuthMode, required
from cloudpush.tokens import SYMMETRIC

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.session import Session

    from cloudpush.access import AccessStore
    from cloudpush.limiting import RateStore
    from cloudpush.ports import (
        BudgetStore,
        ConnectionStore,
        DeadLetterQueue,
        FanOutStore,
        IdempotencyStore,
        InboxStore,
        JobQueue,
        ManagementApi,
        MessageStore,
        NoticeQueue,
        Receiver,
        SigningKeys,
        StatisticsStore,
    )
    from cloudpush.queues.sqs import SqsJobQueue
    from cloudpush.rights import Principal
    from cloudpush.settings import Settings
    from cloudpush.stores.redis_client import Client
    from cloudpush.webhooks.signing import SigningKey


Adapter: TypeAlias = Literal[
    "access",
    "store",
    "deliver_queue",
    "fan_out_queue",
    "gateway",
    "outlet",
    "mailroom",
    "notify_queue",
    "receiver",
    "repeats",
    "signing_keys",
    "statistics",
]
"""A property of `Wiring`."""


class Wiring:
    """One environment's adapters; every property raises `ConfigurationWrong` if it cannot be built.

    A test, or a host with adapters of its own, sets the properties before they are first read.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def principal_in(self, authorizer: dict[str, Any] | None) -> Principal:
        """Return of whom an event speaks, by what the authorizer said when the connection was made.

        A connection that was made before there was an authorizer is nobody's.
        """
        return EVERYBODY if self.settings.auth_mode is AuthMode.NONE else read_context(authorizer)

    @functools.cached_property
    def store(self) -> ConnectionStore:
        """Who is connected."""
        most = self.settings.max_connections
        if self.settings.store == "redis":
            from cloudpush.stores.redis import RedisConnectionStore

            return RedisConnectionStore(self._redis, max_connections=most)
        from cloudpush.stores.dynamodb import DynamoDbConnectionStore

        return DynamoDbConnectionStore(self._dynamodb, self._table_name, max_connections=most)

    @functools.cached_property
    def inboxes(self) -> InboxStore:
        """What waits for each client."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_inbox import RedisInboxStore

            return RedisInboxStore(self._redis)
        from cloudpush.stores.dynamodb_inbox import DynamoDbInboxStore

        return DynamoDbInboxStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def messages(self) -> MessageStore:
        """What was accepted, and what became of it."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_messages import RedisMessageStore

            return RedisMessageStore(self._redis)
        from cloudpush.stores.dynamodb_messages import DynamoDbMessageStore

        return DynamoDbMessageStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def fan_outs(self) -> FanOutStore:
        """How far each fan-out is."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_fan_outs import RedisFanOutStore

            return RedisFanOutStore(self._redis)
        from cloudpush.stores.dynamodb_fan_outs import DynamoDbFanOutStore

        return DynamoDbFanOutStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def budgets(self) -> BudgetStore:
        """What fan-outs have posted."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_budgets import RedisBudgetStore

            return RedisBudgetStore(self._redis)
        from cloudpush.stores.dynamodb_budgets import DynamoDbBudgetStore

        return DynamoDbBudgetStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def repeats(self) -> IdempotencyStore:
        """Which requests were repeated."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_repeats import RedisIdempotencyStore

            return RedisIdempotencyStore(self._redis)
        from cloudpush.stores.dynamodb_repeats import DynamoDbIdempotencyStore

        return DynamoDbIdempotencyStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def statistics(self) -> StatisticsStore:
        """What happened when."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_statistics import RedisStatisticsStore

            return RedisStatisticsStore(self._redis)
        from cloudpush.stores.dynamodb_statistics import DynamoDbStatisticsStore

        return DynamoDbStatisticsStore(
            self._dynamodb, self._table_name, spread=int(ids.new_message_id()[:8], 16)
        )

    @functools.cached_property
    def access(self) -> AccessStore:
        """API keys, tickets and revocations."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_access import RedisAccessStore

            return RedisAccessStore(self._redis)
        from cloudpush.stores.dynamodb_access import DynamoDbAccessStore

        return DynamoDbAccessStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def rates(self) -> RateStore:
        """How often what is limited was done."""
        if self.settings.store == "redis":
            from cloudpush.stores.redis_rates import RedisRateStore

            return RedisRateStore(self._redis)
        from cloudpush.stores.dynamodb_rates import DynamoDbRateStore

        return DynamoDbRateStore(self._dynamodb, self._table_name)

    @functools.cached_property
    def message_limit(self) -> Limit:
        """How often a client may say something."""
        return self._limit("messages", self.settings.message_rate)

    @functools.cached_property
    def push_limit(self) -> Limit:
        """How often a client or a key may push by HTTP."""
        return self._limit("pushes", self.settings.push_rate)

    @functools.cached_property
    def connect_limit(self) -> Limit:
        """How often a client may connect."""
        return self._limit("connects", self.settings.connect_rate)

    def _limit(self, kind: str, per_second: int) -> Limit:
        return Limit(kind, per_second=per_second, store=lambda: self.rates, clock=clock.now_ms)

    @functools.cached_property
    def api_keys(self) -> ApiKeys:
        """The API keys, as this environment knows them."""
        return ApiKeys(self.access, clock=clock.now_ms)

    @functools.cached_property
    def revocations(self) -> Revocations:
        """What was revoked, as this environment knows it."""
        return Revocations(self.access, clock=clock.now_ms)

    @functools.cached_property
    def signing_keys(self) -> SigningKeys:
        """What tokens are verified with."""
        algorithm = self.settings.token_rules.algorithm
        if algorithm != SYMMETRIC:
            from cloudpush.fetching import fetch
            from cloudpush.jwks import MAX_BYTES, JwksKeys

            url = required(self.settings.auth_jwks_url, "AUTH_JWKS_URL")
            get = functools.partial(fetch, url, max_bytes=MAX_BYTES)
            return JwksKeys(get, algorithm=algorithm, clock=clock.now_ms)
        from cloudpush.secret import SecretReference
        from cloudpush.signing_keys import SecretKeys

        reference = required(self.settings.auth_secret, "AUTH_SECRET")
        return SecretKeys(SecretReference(reference, client=self._client, clock=clock.now_ms))

    @functools.cached_property
    def deliver_queue(self) -> JobQueue:
        """The queue of `Welcome`, `Delivery`, `Eviction` and `Drain`."""
        return self._queue(required(self.settings.deliver_queue_url, "DELIVER_QUEUE_URL"))

    @functools.cached_property
    def fan_out_queue(self) -> JobQueue:
        """The queue of `FanOut` and `Expansion`."""
        return self._queue(required(self.settings.fan_out_queue_url, "FAN_OUT_QUEUE_URL"))

    @functools.cached_property
    def notify_queue(self) -> NoticeQueue:
        """The queue of `Notice`."""
        return self._queue(required(self.settings.notify_queue_url, "NOTIFY_QUEUE_URL"))

    @functools.cached_property
    def dead_letters(self) -> Mapping[str, DeadLetterQueue]:
        """The dead-letter queues, by what ends there: `jobs`, `receipts`."""
        from cloudpush.queues.dead_letters import SqsDeadLetterQueue

        wanted = self.settings
        urls = {
            "jobs": required(wanted.dead_letter_queue_url, "DEAD_LETTER_QUEUE_URL"),
            "receipts": required(
                wanted.receipt_dead_letter_queue_url, "RECEIPT_DEAD_LETTER_QUEUE_URL"
            ),
        }
        return {name: SqsDeadLetterQueue(self._sqs, url) for name, url in urls.items()}

    @functools.cached_property
    def receiver(self) -> Receiver:
        """Who is told of receipts."""
        from cloudpush.secret import SecretReference
        from cloudpush.webhooks.http import HttpReceiver
        from cloudpush.webhooks.signing import read_key

        url = required(self.settings.receipt_url, "RECEIPT_URL")
        secret = SecretReference(
            required(self.settings.receipt_secret, "RECEIPT_SECRET"),
            client=self._client,
            clock=clock.now_ms,
        )

        def key() -> SigningKey:
            found = secret.read()
            return read_key(found.version, found.text)

        return HttpReceiver(
            url, key=key, ssl_context=ssl.create_default_context() if url.is_https else None
        )

    @functools.cached_property
    def gateway(self) -> ManagementApi:
        """`@connections` of our stage."""
        from cloudpush.management import ChainCredentials, HttpManagementApi

        url = required(self.settings.management_url, "MANAGEMENT_URL")
        return HttpManagementApi(
            url,
            credentials=ChainCredentials(self._session),
            region=self.settings.region,
            # Here and not with the first post: reading the system's certificates takes 40 ms.
            ssl_context=ssl.create_default_context() if url.startswith("https:") else None,
            trace_id=settings.read_trace_id,
        )

    @functools.cached_property
    def outlet(self) -> Outlet:
        """The ports that a push's way out needs."""
        return Outlet(store=self.store, jobs=self.deliver_queue, gateway=self.gateway)

    @functools.cached_property
    def mailroom(self) -> Mailroom:
        """The ports that kept messages need."""
        rate = self.settings.broadcast_rate
        return Mailroom(
            outlet=self.outlet,
            inboxes=self.inboxes,
            messages=self.messages,
            fan_outs=self.fan_outs,
            fan_out_jobs=self.fan_out_queue,
            new_id=ids.new_message_id,
            notices=self.notify_queue if self.settings.receipt_url else None,
            budget=Budget(store=self.budgets, posts_per_second=rate) if rate else None,
            tally=observability.tally(),
        )

    @functools.cached_property
    def _redis(self) -> Client:
        """One for all stores, and its sockets."""
        from cloudpush.stores.redis_client import client_from_url

        url = required(self.settings.redis_url, "REDIS_URL")
        if url.startswith("arn:"):
            from cloudpush.secret import SecretReference

            url = SecretReference(url, client=self._client, clock=clock.now_ms).read().text.strip()
        return client_from_url(url)

    @functools.cached_property
    def _dynamodb(self) -> Any:  # noqa: ANN401 — botocore makes its clients at run time
        return self._client("dynamodb")

    @property
    def _table_name(self) -> str:
        return required(self.settings.table_name, "TABLE_NAME")

    @functools.cached_property
    def _session(self) -> Session:
        """One for all clients, so that credentials and what they have in common is loaded once."""
        from cloudpush.aws_clients import new_session

        return new_session()

    def _client(self, service: str) -> Any:  # noqa: ANN401 — botocore makes its clients at run time
        from cloudpush.aws_clients import new_client

        return new_client(self._session, service, region=self.settings.region)

    def _queue(self, url: str) -> SqsJobQueue:
        from cloudpush.queues.sqs import SqsJobQueue

        return SqsJobQueue(self._sqs, url)

    @functools.cached_property
    def _sqs(self) -> Any:  # noqa: ANN401 — as above
        return self._client("sqs")


class _Environment(threading.local):
    """As in `boundary`: a thread that handles events is an environment of its own."""

    wiring: Wiring | None = None


_environment = _Environment()


def current() -> Wiring:
    """Return this environment's adapters, from its settings unless `install` said otherwise.

    Raises:
        ConfigurationWrong: a setting has a value that is not allowed.
    """
    wiring = _environment.wiring
    if wiring is None:
        wiring = _environment.wiring = Wiring(settings.read())
    return wiring


def install(wiring: Wiring | None) -> None:
    """Use these adapters from now on; None forgets them, and the settings are read again."""
    _environment.wiring = wiring


def _keep(counters: Mapping[str, int]) -> None:
    """Add to the statistics; that they fail is no reason to fail what was done."""
    try:
        current().statistics.add(counters, now_ms=clock.now_ms())
    except ServiceError:
        observability.logger.warning("statistics were not kept", exc_info=True)


observability.keep_counters_by(_keep)


def prepare(*adapters: Adapter) -> None:
    """Build these adapters if Lambda is initialising this environment; elsewhere do nothing.

    Nobody is talked to but who keeps the URL of Redis, where that is a secret.
    """
    if not settings.is_on_lambda():
        return
    # What is wrong is said again by the event that needs it, as an answer, and not as the failed
    # import of a function that might have done without.
    with contextlib.suppress(ConfigurationWrong, SecretUnavailable):
        for adapter in adapters:
            getattr(current(), adapter)
