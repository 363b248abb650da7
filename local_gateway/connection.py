"""One accepted connection: it listens to its wire, and does what the table of states says.

Its messages are processed concurrently (ORDER-1), up to a number that is generous.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import orjson

from local_gateway import clock, limits
from local_gateway import why as reasons
from local_gateway.calls import DisconnectCall, MessageCall
from local_gateway.event import Request
from local_gateway.integration import (
    IntegrationError,
    IntegrationTimeout,
    is_success,
    write_error_frame,
)
from local_gateway.lifecycle import NO_STATUS, TABLE, Closing, Effect, Input, State
from local_gateway.routing import NO_ROUTE

if TYPE_CHECKING:
    from local_gateway.deployment import CompiledRoute, Deployment
    from local_gateway.event import Caller
    from local_gateway.integration import ProxyResponse
    from local_gateway.session import WebSocketFront
    from local_gateway.wire import Wire

_TOO_BIG = 1009


class Connection:
    """One accepted connection: a `Listener` to its wire, an `OpenConnection` to pushes."""

    __slots__ = (
        "_backlog",
        "_expires_at",
        "_front",
        "_in_flight",
        "_is_draining",
        "_slot",
        "_state",
        "_wire",
        "caller",
        "deployment",
        "received",
        "sent",
    )

    _wire: Wire

    def __init__(self, front: WebSocketFront, deployment: Deployment, caller: Caller) -> None:
        """Begin in the state CONNECTING; `on_open` follows at once."""
        self._front = front
        self.deployment = deployment
        """The stage that it was opened on."""
        self.caller = caller
        """What every event of this connection says about it."""
        self.received = 0
        """How many messages came from the client."""
        self.sent = 0
        """How many messages went to it."""
        self._state = State.CONNECTING
        self._in_flight = 0
        self._backlog: deque[str] | None = None
        self._is_draining = False
        self._expires_at = clock.monotonic() + front.max_duration_seconds
        self._slot = 0.0

    # What pushes need

    @property
    def connection_id(self) -> str:
        """Its id."""
        return self.caller.connection_id

    @property
    def api_id(self) -> str:
        """The API that it was opened on."""
        return self.deployment.api_id

    @property
    def stage_name(self) -> str:
        """The stage that it was opened on."""
        return self.deployment.stage

    @property
    def connected_at(self) -> int:
        """Milliseconds since the epoch."""
        return self.caller.connected_at

    @property
    def last_active_at(self) -> int:
        """When anything last came or went, in milliseconds since the epoch."""
        return clock.now_ms() - int((clock.monotonic() - self._wire.active_at) * 1000)

    @property
    def source_ip(self) -> str:
        """The client's address."""
        return orjson.loads(self.caller.identity)["sourceIp"]

    @property
    def user_agent(self) -> str | None:
        """The client's `User-Agent`, None if it sent none."""
        return orjson.loads(self.caller.identity).get("userAgent")

    @property
    def principal_id(self) -> str | None:
        """Whom the authorizer said that the client is, None where none did."""
        if not self.caller.authorizer:
            return None
        written = orjson.loads(b"{%s}" % self.caller.authorizer.rstrip(b","))
        return written["authorizer"].get("principalId")

    @property
    def buffered_bytes(self) -> int:
        """How many bytes the client's machine has not taken yet."""
        return self._wire.buffered_bytes

    @property
    def unread_bytes(self) -> int:
        """How many bytes of the client's wait to be read."""
        return self._wire.unread_bytes

    @property
    def peer(self) -> tuple[str, int]:
        """The client's address and port."""
        return self._wire.peer

    def post(self, data: bytes) -> bool:
        """Send UTF-8 text as one message; False, and nothing sent, if the buffer is full."""
        if self._wire.is_full:
            return False
        self.sent += 1
        self._wire.write_text(data)
        return True

    def delete(self) -> None:
        """Close the connection, as `DELETE` does."""
        self._apply(Input.DELETE)

    @property
    def _place(self) -> str:
        return f"stage {self.deployment.stage}"

    def go_away(self) -> None:
        """Close the connection, whose stage is gone."""
        self._apply(Input.SHUTDOWN)

    # What the wire asks

    @property
    def frame_bytes(self) -> int:
        """Into how large frames a longer message is cut (LIMIT-5)."""
        is_cut = self._front.assumptions.large_message == "fragments"
        return limits.FRAME_BYTES if is_cut else limits.MESSAGE_BYTES

    @property
    def counts_pings(self) -> bool:
        """Whether a ping keeps the connection from idling (LIMIT-8)."""
        return self._front.assumptions.ping == "activity"

    # What the wire says

    def on_open(self, wire: Wire) -> None:
        """Begin to be open."""
        self._wire = wire
        self._apply(Input.ACCEPTED)

    def on_text(self, text: str) -> None:
        """Handle a message."""
        self.received += 1
        self._apply(Input.TEXT, text=text)

    def on_binary(self) -> None:
        """Reject binary messages (LIMIT-13)."""
        self.received += 1
        self._apply(Input.BINARY)

    def on_close(self, code: int, reason: str) -> None:
        """Take the client's close, which says why unless it has no code."""
        closing = NO_STATUS if code == NO_STATUS.code else Closing(code, reason)
        self._apply(Input.CLIENT_CLOSE, closing)

    def on_failure(self, code: int, reason: str) -> None:
        """Take the wire's close."""
        if code == _TOO_BIG:
            what = reason or f"a message of more than {limits.MESSAGE_BYTES} bytes"
            self._front.why.say(
                reasons.TOO_BIG, self._place, connection_id=self.connection_id, what=what
            )
        self._apply(Input.FAILURE, Closing(code, reason))

    def on_lost(self) -> None:
        """Take the end of the connection."""
        self._apply(Input.LOST)

    def on_shutdown(self) -> None:
        """Say goodbye."""
        self._apply(Input.SHUTDOWN)

    def check_time(self) -> None:
        """Close the connection if it has been idle, or lived, too long; else look again later."""
        now = clock.monotonic()
        idle_at = self._wire.active_at + self._front.idle_timeout_seconds
        if now >= self._expires_at:
            self._apply(Input.EXPIRED)
        elif now >= idle_at:
            self._apply(Input.IDLE)
        else:
            self._slot = self._front.watch(self, min(idle_at, self._expires_at))

    # What is done about it

    def _apply(self, happened: Input, closing: Closing | None = None, text: str = "") -> None:
        transition = TABLE[self._state][happened]
        self._state = transition.state
        for effect in transition.effects:
            match effect:
                case Effect.HANDLE:
                    self._handle(text)
                case Effect.REGISTER:
                    self._front.registry.add(self)
                    self.check_time()
                case Effect.CLOSE:
                    close = transition.closing or closing or NO_STATUS
                    self._wire.close(close.code, close.reason)
                case Effect.DISCONNECT:
                    self._disconnect(transition.closing or closing or NO_STATUS)

    def _handle(self, text: str) -> None:
        """Route a message and begin its integration, or put it behind those in flight."""
        if self._in_flight >= limits.IN_FLIGHT_PER_CONNECTION:
            if self._backlog is None:
                self._backlog = deque()
            # What was read already has to wait somewhere; more isn't read meanwhile.
            self._backlog.append(text)
            self._wire.hold()
            return
        front, deployment, now_ms = self._front, self.deployment, clock.now_ms()
        request = Request(deployment.ids.new_request_id(now_ms), now_ms)
        if front.account_rate is not None and not front.account_rate.take(clock.monotonic()):
            front.journal.received(self.connection_id, request, None, text)
            self.tell("Too Many Requests", request.request_id)
            return
        route = deployment.select(text)
        key = None if route is None or route is NO_ROUTE else route.key
        front.journal.received(self.caller.connection_id, request, key, text)
        if route is NO_ROUTE:
            self.tell("Forbidden", request.request_id)
            front.why.say(reasons.NO_ROUTE, self._place)
        elif route is None:
            front.why.say(reasons.ROUTE_WITHOUT_INTEGRATION, self._place)
        else:
            call = MessageCall(self, route, text, deployment.ids.new_message_id(now_ms), request)
            self._in_flight += 1
            route.deadlines.add(call, clock.monotonic())
            route.alarm.arm()
            front.begin(route.target, call)

    def on_answer(self, call: MessageCall, response: ProxyResponse) -> None:
        """Send a call's answer to the client, unless it comes too late."""
        if call.route.deadlines.discard(call):
            self._reply(call.route, response, call.request.request_id)
        self._end(call)

    def on_error(self, call: MessageCall, error: IntegrationError) -> None:
        """Tell the client that a call has failed, unless it heard of the timeout already."""
        if call.route.deadlines.discard(call):
            self.tell(error.message, call.request.request_id)
        if error.reason is not None:
            self._front.why.say(error.reason, f"route {call.route.key}", problem=error)
        self._end(call)

    def on_timeout(self, call: MessageCall) -> None:
        """Tell the client that a call takes too long; its answer will go nowhere."""
        is_named = self._front.assumptions.timeout_frame == "endpoint-request-timed-out"
        error = IntegrationTimeout if is_named else IntegrationError
        self.tell(error.message, call.request.request_id)
        route = call.route
        problem = f"no answer in {route.target.timeout_ms} ms"
        self._front.why.say(reasons.INTEGRATION_TIMEOUT, f"route {route.key}", problem=problem)

    def _end(self, call: MessageCall) -> None:
        self._in_flight -= 1
        self._front.end(call)
        if self._backlog is not None and not self._is_draining:
            self._drain(self._backlog)

    def _drain(self, backlog: deque[str]) -> None:
        """Handle what waits, as far as there is room; a call may end before it is all begun."""
        self._is_draining = True
        while backlog and self._in_flight < limits.IN_FLIGHT_PER_CONNECTION:
            self._handle(backlog.popleft())
        self._is_draining = False
        if not backlog:
            self._backlog = None
            self._wire.release()

    def _reply(self, route: CompiledRoute, response: ProxyResponse, request_id: str) -> None:
        """Send the body if the route has a route response, whatever the status (REPLY-8)."""
        if not response.body:
            sends_empty = self._front.assumptions.empty_reply == "frame"
            if sends_empty and response.body is not None and route.is_two_way:
                self.sent += 1
                self._front.journal.replied(self.connection_id, request_id, b"")
                self._wire.write_text(b"")
            return
        if not route.is_two_way:
            self._front.why.say(reasons.ONE_WAY_BODY, f"route {route.key}")
            return
        if self._front.replaces_error_replies and not is_success(response.status):
            self.tell(IntegrationError.message, request_id)
            return
        data = response.body.encode()
        if len(data) > limits.MESSAGE_BYTES:
            self._front.why.say(reasons.REPLY_TOO_BIG, f"route {route.key}", length=len(data))
            self.tell(IntegrationError.message, request_id)
            return
        self.sent += 1
        self._front.journal.replied(self.caller.connection_id, request_id, data)
        self._front.reply(self._wire, data)

    def tell(self, message: str, request_id: str) -> None:
        """Send the client an error frame; the connection stays as it is (FRAME-8)."""
        data = write_error_frame(message, self.connection_id, request_id)
        self.sent += 1
        self._front.journal.told(self.connection_id, request_id, data)
        self._front.reply(self._wire, data)

    def _disconnect(self, closing: Closing) -> None:
        front, deployment = self._front, self.deployment
        front.journal.ended(self.connection_id, closing)
        front.registry.remove(self, clock.monotonic())
        front.wheel.discard(self, self._slot)
        if deployment.disconnect is not None:
            now_ms = clock.now_ms()
            request = Request(deployment.ids.new_request_id(now_ms), now_ms)
            call = DisconnectCall(front, deployment, self.caller, request, closing)
            front.say_goodbye(deployment.disconnect, call)
