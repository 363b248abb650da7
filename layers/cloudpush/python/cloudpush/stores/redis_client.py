"""The part of redis-py that the store uses, with its timeouts, its errors and its types.

redis-py leaves parts of its signatures unannotated, so what the store calls is stated here once.
"""

from __future__ import annotations

import contextlib
import pathlib
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, cast

from redis import exceptions
from redis.backoff import ExponentialBackoff
from redis.client import Redis
from redis.retry import Retry

from cloudpush.errors import ConfigurationWrong, ServiceError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

CONNECT_TIMEOUT_SECONDS: Final = 1.0
SOCKET_TIMEOUT_SECONDS: Final = 2.0
RETRIES: Final = 2
"""After a lost connection or a timeout. redis-py's own defaults (5 s, ten times) would outlast a
function; with these a server that never answers costs 6 s."""

_LUA: Final = pathlib.Path(__file__).parent / "lua"
# With this line the server holds a script to the slot of its keys, and refuses it as a whole, not
# in the middle, when memory is full.
_SHEBANG: Final = "#!lua\n"


class Script(Protocol):
    """A Lua script."""

    sha: str
    """By which the server knows it."""

    def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | int]) -> object:
        """Run it by EVALSHA; load it first where the server does not know it."""
        ...


class Pipeline(Protocol):
    """Several commands in one round trip, each on its own."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: str | bytes | int) -> object:
        """EVALSHA; the answer comes from `execute`."""
        ...

    def hget(self, name: str, key: str) -> object:
        """HGET; the answer comes from `execute`."""
        ...

    def hgetall(self, name: str) -> object:
        """HGETALL; the answer comes from `execute`."""
        ...

    def hvals(self, name: str) -> object:
        """HVALS; the answer comes from `execute`."""
        ...

    def zcard(self, name: str) -> object:
        """ZCARD; the answer comes from `execute`."""
        ...

    def zcount(self, name: str, min: str, max: str) -> object:  # noqa: A002 — theirs
        """ZCOUNT; the answer comes from `execute`."""
        ...

    def zrange(self, name: str, start: str | int, end: str, **options: bool | int) -> object:
        """ZRANGE; the answer comes from `execute`: pairs of member and score."""
        ...

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 — theirs
        """Send all of them, and return their answers in order, or their errors."""
        ...

    def __enter__(self) -> Self:
        """Begin; leaving resets it."""
        ...

    def __exit__(self, *exc: object) -> None:
        """Give the connection back."""
        ...


class Client(Protocol):
    """`redis.Redis` or `redis.RedisCluster`, made with `decode_responses=True`."""

    def close(self) -> None:
        """Close the sockets."""
        ...

    def get(self, name: str) -> str | None:
        """GET."""
        ...

    def getdel(self, name: str) -> str | None:
        """GETDEL."""
        ...

    def hdel(self, name: str, *keys: str) -> int:
        """HDEL."""
        ...

    def hget(self, name: str, key: str) -> str | None:
        """HGET."""
        ...

    def hset(self, name: str, key: str, value: str) -> int:
        """HSET."""
        ...

    def set(self, name: str, value: str, *, pxat: int) -> object:
        """SET until a time, ms."""
        ...

    def hgetall(self, name: str) -> dict[str, str]:
        """HGETALL."""
        ...

    def ping(self) -> object:
        """PING."""
        ...

    def pipeline(self, *, transaction: bool) -> Pipeline:
        """Collect commands."""
        ...

    def register_script(self, script: str) -> Script:
        """Prepare a script; nothing is sent yet."""
        ...


def client_from_url(url: str) -> Client:
    """Make a client for `redis://`, `rediss://` or `unix://`; it connects when first used.

    Raises:
        ConfigurationWrong: the URL is none of these.
    """
    try:
        client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] — untyped **kwargs
            url,
            decode_responses=True,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_timeout=SOCKET_TIMEOUT_SECONDS,
            retry=Retry(ExponentialBackoff(cap=0.1, base=0.02), RETRIES),
        )
    except ValueError as error:
        raise ConfigurationWrong(f"the URL of Redis: {error}") from error
    return cast("Client", client)


def read_script(client: Client, *names: str) -> Script:
    """Prepare the script that these files under `lua` make, one behind the other."""
    text = "".join((_LUA / f"{name}.lua").read_text() for name in names)
    return client.register_script(f"{_SHEBANG}{text}")


# The first class that fits decides, so subclasses stand before their parents.
_MEANINGS: Final[tuple[tuple[type[Exception], type[ServiceError]], ...]] = (
    (exceptions.AuthenticationError, ConfigurationWrong),
    (exceptions.AuthorizationError, ConfigurationWrong),
    (exceptions.ConnectionError, StoreUnavailable),
    (exceptions.TimeoutError, StoreUnavailable),
    # Failover, resharding, a full or a starting server: the same call succeeds later.
    (exceptions.ClusterError, StoreUnavailable),
    (exceptions.AskError, StoreUnavailable),
    (exceptions.TryAgainError, StoreUnavailable),
    (exceptions.ReadOnlyError, StoreUnavailable),
    (exceptions.OutOfMemoryError, StoreUnavailable),
    (exceptions.SlotNotCoveredError, StoreUnavailable),
    (exceptions.InvalidResponse, StoreUnavailable),
    # No permission, a key of another type under our prefix, a server too old for a command.
    (exceptions.RedisError, ConfigurationWrong),
    (exceptions.RedisClusterException, ConfigurationWrong),
)

_TEMPORARY_REPLIES: Final = (
    "BUSY",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "UNBLOCKED",
)
"""First words of error replies that redis-py has no class for, or that come out of a script."""


def meaning_of(error: Exception) -> type[ServiceError]:
    """Return which of our errors an error of redis-py is.

    Raises:
        LookupError: it is not one that a command raises.
    """
    if isinstance(error, exceptions.ResponseError) and str(error).startswith(_TEMPORARY_REPLIES):
        return StoreUnavailable
    for vendors, ours in _MEANINGS:
        if isinstance(error, vendors):
            return ours
    raise LookupError(type(error).__name__)


@contextlib.contextmanager
def translated_errors() -> Generator[None]:
    """Raise `StoreUnavailable` or `ConfigurationWrong` for every error of redis-py inside."""
    try:
        yield
    except (exceptions.RedisError, exceptions.RedisClusterException) as error:
        raise meaning_of(error)(f"Redis: {type(error).__name__}: {error}") from error


def run_many(
    client: Client,
    script: Script,
    calls: Sequence[tuple[Sequence[str], Sequence[str | bytes | int]]],
) -> list[Any]:
    """Run a script for each of these keys and arguments, in one round trip, each on its own.

    Raises:
        StoreUnavailable, ConfigurationWrong: one of them failed; others may have been run.
    """
    if not calls:
        return []
    with translated_errors():
        if len(calls) == 1:
            [(keys, args)] = calls
            return [script(keys, args)]
        with client.pipeline(transaction=False) as pipeline:
            for keys, args in calls:
                pipeline.evalsha(script.sha, len(keys), *keys, *args)
            answers = pipeline.execute(raise_on_error=False)
        for index, (answer, (keys, args)) in enumerate(zip(answers, calls, strict=True)):
            if isinstance(answer, exceptions.NoScriptError):
                answers[index] = script(keys, args)  # this one loads it
            elif isinstance(answer, Exception):
                raise answer
        return answers
