"""Every line that tells a developer where AWS would surprise, or fail where the emulator doesn't.

    why = Why(print)
    why.say(ONE_WAY_BODY, "route join")

A reason has an id that stays, the clause of docs/reference/gateway.md that it rests on, and a text
with named gaps. It is said once for each place that it concerns, and after that at the 10th, the
100th, the 1,000th time: a client in a loop must not bury what matters. A place is something that
the template has (`route join`, `function Notify`, `stage dev`); what changes from one event to the
next, such as a connection id, fills a gap of the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Reason(NamedTuple):
    """One surprise."""

    id: str
    """Words with hyphens; stable, so that it can be searched for."""
    clause: str
    """The clause that says what AWS does."""
    text: str
    """What happened and what AWS does, following the place and a colon; gaps as of `str.format`."""


REASONS: dict[str, Reason] = {}
"""Every reason by its id, in the order of this module."""


def _reason(name: str, clause: str, text: str) -> Reason:
    reason = REASONS[name] = Reason(name, clause, text)
    return reason


ONE_WAY_BODY = _reason(
    "one-way-body",
    "REPLY-2",
    "the function returns a body, and the route has no AWS::ApiGatewayV2::RouteResponse: nothing "
    "is sent to the client",
)
POST_DURING_CONNECT = _reason(
    "post-during-connect",
    "CONNECT-20",
    "{connection_id} is used while its $connect runs: 410, since the connection is established "
    "only when $connect has returned",
)
POST_TO_GONE = _reason(
    "post-to-gone",
    "MANAGE-9",
    "a call for {connection_id}, which closed {ago:.1f} s ago: 410",
)
POST_NOT_UTF8 = _reason(
    "post-not-utf8",
    "MANAGE-17",
    "a post to {connection_id} is not UTF-8: sent as text with replacement characters",
)
TOO_BIG = _reason(
    "too-big",
    "LIMIT-2",
    "{connection_id} was closed with 1009: {what}",
)
REPLY_TOO_BIG = _reason(
    "reply-too-big",
    "REPLY-10",
    "the function returns a body of {length} bytes, more than the 131,072 of a message: the client "
    "gets an error frame",
)
SUBPROTOCOL_NOT_RETURNED = _reason(
    "subprotocol-not-returned",
    "SUBPROTOCOL-2",
    "the client offers {offered}, $connect returns no sec-websocket-protocol: browsers then close",
)
SUBPROTOCOL_NOT_OFFERED = _reason(
    "subprotocol-not-offered",
    "SUBPROTOCOL-5",
    "$connect returns sec-websocket-protocol: {subprotocol}, which the client did not offer: it "
    "closes the connection",
)
CONNECT_FAILED = _reason(
    "connect-failed",
    "CONNECT-8",
    "the handshake is answered with {status}: {problem}",
)
MALFORMED_RESPONSE = _reason(
    "malformed-response",
    "FRAME-4",
    "{problem}: the client gets Internal server error",
)
NOT_INVOCABLE = _reason(
    "not-invocable",
    "FRAME-5",
    "{problem}: the client gets Internal server error",
)
INTEGRATION_FAILED = _reason(
    "integration-failed",
    "CLOSE-12",
    "{problem}: the client gets an error frame, and the connection stays open",
)
INTEGRATION_TIMEOUT = _reason(
    "integration-timeout",
    "FRAME-6",
    "{problem}: the client gets Endpoint request timed out, and what comes later goes nowhere",
)
BACKEND_UNREACHABLE = _reason(
    "backend-unreachable",
    "INTEGRATION-16",
    "{problem}: the client gets Network error communicating with endpoint",
)
NO_INTEGRATION_RESPONSE = _reason(
    "no-integration-response",
    "INTEGRATION-24",
    "{problem}: the client gets Internal server error",
)
NOTHING_PASSES_THROUGH = _reason(
    "nothing-passes-through",
    "INTEGRATION-30",
    "{problem}: the client gets Unsupported Media Type",
)
TEMPLATE_FAILED = _reason(
    "template-failed",
    "MAPPING-12",
    "{problem}: the client gets Internal server error",
)
INVALID_REQUEST_BODY = _reason(
    "invalid-request-body",
    "MODEL-2",
    "{problem}: the client gets Invalid request body",
)
THROTTLED = _reason(
    "throttled",
    "THROTTLE-5",
    "{problem}: the client gets Too Many Requests",
)
FUNCTION_TIMEOUT = _reason(
    "function-timeout",
    "FRAME-3",
    "it reached its Timeout of {seconds} s and was ended: a client gets Internal server error",
)
NO_ROUTE = _reason(
    "no-route",
    "FRAME-2",
    "a message chose no route, and there is no $default: the client gets Forbidden",
)
ROUTE_WITHOUT_INTEGRATION = _reason(
    "route-without-integration",
    "ROUTE-18",
    "a message chose a route without an integration: it is dropped without a word",
)
NO_STAGE = _reason(
    "no-stage",
    "ENDPOINT-7",
    "there is no stage at {path}: it is answered with 403; there are {known}",
)
UNAUTHORIZED = _reason(
    "unauthorized",
    "AUTH-8",
    "{problem}: the handshake is answered with 401",
)
AUTHORIZER_DENIED = _reason(
    "authorizer-denied",
    "AUTH-10",
    "{problem}: the handshake is answered with 403",
)
AUTHORIZER_FAILED = _reason(
    "authorizer-failed",
    "AUTH-12",
    "{problem}: the handshake is answered with 500",
)
CONTEXT_NOT_TEXT = _reason(
    "context-not-text",
    "AUTH-18",
    "the authorizer's context has {names} as numbers or truth values: events carry texts",
)
HANDSHAKE_REFUSED = _reason(
    "handshake-refused",
    "KEY-2",
    "{problem}: the handshake is answered with {status}",
)
UNSIGNED = _reason(
    "unsigned",
    "SIGNATURE-2",
    "a request that is not signed is let pass; on AWS, and with --strict-auth, it is answered with "
    "403 Missing Authentication Token",
)
WRONG_SIGNATURE = _reason(
    "wrong-signature",
    "SIGNATURE-4",
    "a request whose signature is not right is let pass; on AWS, and with --strict-auth, it is "
    "answered with 403: {problem}",
)
ACCESS_DENIED = _reason(
    "access-denied",
    "SIGNATURE-10",
    "its role does not allow {action} on {resource}: let pass; on AWS, and with --strict-auth, it "
    "is answered with 403",
)
PERMISSION_MISSING = _reason(
    "permission-missing",
    "PERMISSION-1",
    "no AWS::Lambda::Permission lets apigateway.amazonaws.com invoke it for {sources}: AWS, and "
    "--strict-auth, answer Internal server error in its place",
)
INTERPRETER_DIFFERS = _reason(
    "interpreter-differs",
    "RUNTIME-1",
    "{problem}",
)
BLOCKED_PORT = _reason(
    "blocked-port",
    "ENDPOINT-1",
    "browsers refuse to connect to it, a bad port of the fetch standard; other clients don't",
)
FOREIGN_ORIGIN = _reason(
    "foreign-origin",
    "CONNECT-23",
    "a web page of {origin} uses it: let in, as API Gateway looks at no Origin; a function or an "
    "authorizer has to, and --allow-origin refuses what it doesn't name",
)
DEPLOYMENT_MISSES_ROUTE = _reason(
    "deployment-misses-route",
    "DEPLOY-2",
    "the deployment does not depend on {routes}: AWS may take its snapshot before they are there",
)
SNAPSHOT_OUTDATED = _reason(
    "snapshot-outdated",
    "DEPLOY-6",
    "its routes changed, and its deployment is the same: AWS {what} serving the old ones until the "
    "stage has AutoDeploy or a deployment with a new logical id",
)
TIME_ADVANCED = _reason(
    "time-advanced",
    "TIME-7",
    "time was advanced, and functions have the machine's clock: what they compute from it, such "
    "as an expiry, has not moved",
)
TIME_DID_NOT_WAIT = _reason(
    "time-did-not-wait",
    "TIME-4",
    "what was set going runs for more than {seconds:.0f} s of the machine's time: time moves on",
)


class Said(NamedTuple):
    """What was said about one place."""

    reason: Reason
    place: str
    text: str
    """As it was said the last time that it happened."""
    times: int
    """How often it has happened."""

    def __str__(self) -> str:
        """Write the line: the clause, the place, the text, the id, and how often so far."""
        again = "" if self.times == 1 else f", {self.times} times so far"
        return f"{self.reason.clause} {self.place}: {self.text} ({self.reason.id}{again})"


def _say_nothing(line: str) -> None:
    del line


class Why:
    """Says reasons, each as often as is useful."""

    def __init__(
        self,
        write: Callable[[str], None] = _say_nothing,
        *,
        write_said: Callable[[Said], None] | None = None,
    ) -> None:
        """Take what gets the lines, or in its place what gets their parts."""

        def write_line(said: Said) -> None:
            write(str(said))

        self._write_said = write_said or write_line
        self._said: dict[tuple[str, str], Said] = {}
        self.hear: Callable[[Said], None] | None = None
        """Who is told each time, also when no line is written."""

    @property
    def said(self) -> tuple[Said, ...]:
        """Return what was said, each place of each reason once, the first first."""
        return tuple(self._said.values())

    def say(self, reason: Reason, place: str, **facts: object) -> None:
        """Say `reason` about `place`, with `facts` for the gaps of its text."""
        key = (reason.id, place)
        before = self._said.get(key)
        times = 1 if before is None else before.times + 1
        said = self._said[key] = Said(reason, place, reason.text.format(**facts), times)
        if self.hear is not None:
            self.hear(said)
        if str(times).rstrip("0") == "1":
            self._write_said(said)


def write_table() -> str:
    """Write every reason as a row of the table in docs/reference/why.md."""
    rows = [f"| `{each.id}` | {each.clause} | {each.text} |" for each in REASONS.values()]
    return "\n".join(rows) + "\n"
