"""The calls that a connection makes in its life: a handshake, messages, a goodbye."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeAlias

from local_gateway.integration import Call, IntegrationTimeout

if TYPE_CHECKING:
    from local_gateway.connection import Connection
    from local_gateway.deployment import CompiledRoute, Deployment
    from local_gateway.event import Caller, Handshake, Request
    from local_gateway.integration import IntegrationError, ProxyResponse
    from local_gateway.lifecycle import Closing
    from local_gateway.session import WebSocketFront


class ConnectCall(Call):
    """A handshake on its way through `$connect`."""

    __slots__ = ("_caller", "_deployment", "_front", "_handshake", "outcome")

    def __init__(
        self,
        front: WebSocketFront,
        deployment: Deployment,
        handshake: Handshake,
        caller: Caller,
        request: Request,
    ) -> None:
        """Take the handshake; `outcome` is what comes of it."""
        self._front = front
        self._deployment = deployment
        self._caller = caller
        self.request = request
        self._handshake = handshake
        self.outcome: asyncio.Future[ProxyResponse] = asyncio.get_running_loop().create_future()

    @property
    def caller(self) -> Caller:
        """See `Call`."""
        return self._caller

    @property
    def handshake(self) -> Handshake:
        """See `Call`."""
        return self._handshake

    def write_event(self) -> bytes:
        """See `Call`."""
        return self._deployment.events.connect(self._handshake, self._caller, self.request)

    def settle(self, response: ProxyResponse) -> None:
        """See `Call`."""
        if not self.outcome.done():
            self.outcome.set_result(response)
        self._front.end(self)

    def fail(self, error: IntegrationError) -> None:
        """See `Call`."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
        self._front.end(self)

    def time_out(self) -> None:
        """Learn that the integration's timeout has passed: the function goes on, unheard."""
        if not self.outcome.done():
            self.outcome.set_exception(IntegrationTimeout("no answer in time"))


class MessageCall(Call):
    """A message on its way through its route's integration."""

    __slots__ = ("_message_id", "_text", "connection", "route")

    def __init__(
        self,
        connection: Connection,
        route: CompiledRoute,
        text: str,
        message_id: str,
        request: Request,
    ) -> None:
        """Take the message; `connection` hears of the outcome."""
        self.connection = connection
        self.route = route
        self._text = text
        self._message_id = message_id
        self.request = request

    @property
    def caller(self) -> Caller:
        """See `Call`."""
        return self.connection.caller

    @property
    def text(self) -> str:
        """See `Call`."""
        return self._text

    @property
    def message_id(self) -> str:
        """See `Call`."""
        return self._message_id

    def write_event(self) -> bytes:
        """See `Call`."""
        connection = self.connection
        return connection.deployment.events.message(
            self.route.head, self._message_id, self._text, connection.caller, self.request
        )

    def settle(self, response: ProxyResponse) -> None:
        """See `Call`."""
        self.connection.on_answer(self, response)

    def fail(self, error: IntegrationError) -> None:
        """See `Call`."""
        self.connection.on_error(self, error)

    def time_out(self) -> None:
        """Learn that the integration's timeout has passed."""
        self.connection.on_timeout(self)


TimedCall: TypeAlias = ConnectCall | MessageCall
"""A call whose client is told when the integration's timeout has passed."""


class DisconnectCall(Call):
    """The goodbye to a connection that is gone: nobody hears of its outcome."""

    __slots__ = ("_caller", "_closing", "_deployment", "_front")

    def __init__(
        self,
        front: WebSocketFront,
        deployment: Deployment,
        caller: Caller,
        request: Request,
        closing: Closing,
    ) -> None:
        """Take why the connection is gone."""
        self._front = front
        self._deployment = deployment
        self._caller = caller
        self.request = request
        self._closing = closing

    @property
    def caller(self) -> Caller:
        """See `Call`."""
        return self._caller

    def write_event(self) -> bytes:
        """See `Call`."""
        closing = self._closing
        return self._deployment.events.disconnect(
            self._caller, self.request, closing.code, closing.reason
        )

    def settle(self, response: ProxyResponse) -> None:
        """See `Call`."""
        del response
        self._front.end(self)

    def fail(self, error: IntegrationError) -> None:
        """See `Call`."""
        del error
        self._front.end(self)
