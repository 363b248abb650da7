"""Back-ends: what an integration hands to one, and what it gets back."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local_gateway.integration import FunctionRunner, IntegrationError
    from local_gateway.integrations.http_client import HttpClient
    from local_gateway.integrations.mapping import Parameters
    from local_gateway.integrations.variables import Event

_NO_HEADERS: Mapping[str, list[str]] = MappingProxyType({})


class BackendRequest(NamedTuple):
    """An integration request."""

    event: Event
    """The proxy event of the call."""
    body: str
    """The message, or what a template made of it."""
    parameters: Parameters
    """What `RequestParameters` gave."""


class BackendResponse(NamedTuple):
    """A back-end's answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, list[str]] = _NO_HEADERS
    """Names in lower case."""
    selector: str = ""
    """What integration response keys are held against: the status, or a function's error
    message."""


Settle: TypeAlias = "Callable[[BackendResponse | IntegrationError], None]"


class Backend(Protocol):
    """What answers a non-proxy integration."""

    def send(self, request: BackendRequest, settle: Settle) -> None:
        """Answer a request: call `settle` once, perhaps before this returns."""
        ...


class Backends(NamedTuple):
    """What the integrations of a stage can reach."""

    functions: FunctionRunner
    http_client: Callable[[], HttpClient]
    """What HTTP back-ends share; asked by integrations that have one."""
    services: Callable[[], str]
    """Where the embedded SQS and DynamoDB are, once they have started: a URL."""
    region: str
    gateway_url: Callable[[], str]
    """Where the emulator itself listens, `http://127.0.0.1:3000`, once it does."""
    own_hosts: frozenset[str] = frozenset()
    """The hosts that the APIs of this application have on AWS: they are served here."""
