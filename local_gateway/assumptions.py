"""What nobody has published of AWS and a user may choose otherwise: `--assume NAME=VALUE`.

Each assumption is the switch of one clause of docs/reference/gateway.md. Its values are words, the
first of which is what the clause says. They are read when a stage is compiled or a connection made,
never for a message whose route has no use for them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class UnknownAssumption(ValueError):
    """A name or a value that there isn't; the text says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """One choice for each open question."""

    plain_request: Literal["426", "403"] = "426"
    """ENDPOINT-9: the answer to a request for a stage without an upgrade."""
    refused_body: Literal["empty", "message"] = "empty"
    """CONNECT-7: the body of a handshake that the function refuses."""
    unoffered_subprotocol: Literal["sent", "dropped"] = "sent"
    """SUBPROTOCOL-5: what becomes of a subprotocol that the client did not offer."""
    repeated_query: Literal["last", "first"] = "last"
    """EVENT-12: which value of a repeated name the query map has."""
    timeout_frame: Literal["endpoint-request-timed-out", "internal-server-error"] = (
        "endpoint-request-timed-out"
    )
    """FRAME-6: the text of the frame for an integration that is late."""
    empty_reply: Literal["nothing", "frame"] = "nothing"
    """REPLY-6: what an empty body sends."""
    error_reply: Literal["body", "internal-server-error"] = "body"
    """REPLY-8: what a body with another status than 2xx sends."""
    large_message: Literal["fragments", "one-frame"] = "fragments"
    """LIMIT-5: how a message over 32 KB goes to the client."""
    ping: Literal["activity", "not-activity"] = "activity"
    """LIMIT-8: whether a ping keeps a connection from idling."""
    empty_post: Literal["frame", "400"] = "frame"
    """MANAGE-16: what becomes of a post without bytes."""
    authorizer_context: Literal["texts", "types"] = "texts"
    """AUTH-18: whether numbers and truth values of an authorizer's context become texts."""
    non_utf8_post: Literal["replaced", "400"] = "replaced"
    """MANAGE-17: what becomes of a post that is not UTF-8."""
    mock_without_status: Literal["200", "500"] = "200"
    """INTEGRATION-2: what a mock integration answers that is given no `statusCode`."""
    unmatched_response: Literal["internal-server-error", "nothing"] = "internal-server-error"
    """INTEGRATION-24: what a two-way route sends if no integration response is selected."""
    connect_status_code: Literal["status", "text"] = "status"
    """INTEGRATION-26: whether a `statusCode` that an integration response writes is one."""
    template_key: Literal["default", "content-type"] = "default"
    """MAPPING-24: the key of a template where there is neither an expression nor a `$default`."""


DEFAULTS: Final = Assumptions()


def choices() -> Mapping[str, tuple[str, ...]]:
    """Return the values by name as the command line has them, what is assumed first."""
    hints = get_type_hints(Assumptions)
    return {
        each.name.replace("_", "-"): tuple(
            sorted(get_args(hints[each.name]), key=lambda value, at=each: value != at.default)
        )
        for each in fields(Assumptions)
    }


def read(pairs: Iterable[str]) -> Assumptions:
    """Return the assumptions that `NAME=VALUE` texts make, the last of a name for each.

    Raises:
        UnknownAssumption: A text is no pair, or its name or value is none of those that there are.
    """
    known = choices()
    chosen: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            raise UnknownAssumption(f"{pair!r} is none of {', '.join(f'{n}=…' for n in known)}")
        if value not in known[name]:
            raise UnknownAssumption(f"{name} is {value!r}, none of {', '.join(known[name])}")
        chosen[name.replace("-", "_")] = value
    return Assumptions(**chosen)
