"""Entries of the journal as rows for those who watch: JSON objects, texts cut to a length.

Every row has `id`, `at` (ISO 8601), `kind` and `summary`, one line without control characters; by
its kind it has more:

    handshake   connectionId api stage status subprotocol sourceIp path query headers durationMs
    message     connectionId requestId route text
    invocation  function lambdaRequestId trace event isDone connectionId? requestId? route?
                eventType? sentBy? (of an event of SQS: the traces of who sent its records)
                when done: answer error isCold durationMs log
    reply       connectionId requestId text
    error       connectionId requestId text
    post        connectionId status text trace?
    look        connectionId status trace?
    delete      connectionId status trace?
    close       connectionId code reason
    log         function lambdaRequestId (its first eight characters, or `init`) text
    why         reason clause place text times

What belongs together has the same `requestId` (a message, its invocation, its answer), the same
`connectionId`, the same `lambdaRequestId` (an invocation and its lines), or the same `trace` (an
invocation and the posts that its function made by an AWS SDK). An invocation whose `trace` is in
`sentBy` sent a record that this one took.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import orjson

from local_gateway.inspector.journal import Kind
from local_gateway.lambdas.result import InvocationRefused
from local_gateway.times import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_gateway.event import Handshake
    from local_gateway.inspector.journal import Entry
    from local_gateway.lambdas.invocation import Invocation
    from local_gateway.lifecycle import Closing
    from local_gateway.why import Said

    Row: TypeAlias = dict[str, Any]

CUT: Final = 2_048
"""How many characters of a text a row has in a list. A row that is asked for alone has all."""

_SUMMARY: Final = 120
_ELLIPSIS: Final = "…"


def write_row(entry: Entry, *, cut: int | None = CUT) -> Row:
    """Return an entry as a row; `cut` None leaves texts whole."""
    entry_id, at_ms, kind, _, *facts = entry
    row = _WRITERS[kind](*facts)
    row["id"], row["at"], row["kind"] = entry_id, iso(at_ms), kind.value
    row["summary"] = one_line(row["summary"])
    return row if cut is None else _shorten(row, cut)


def is_open(entry: Entry) -> bool:
    """Tell whether more will be known of it: an event that is being handled."""
    return entry[2] is Kind.INVOCATION and cast("Invocation", entry[5]).outcome is None


def one_line(text: str) -> str:
    """Return the beginning of a text in which every control character is written out."""
    head = text[:_SUMMARY]
    shown = head if head.isprintable() else "".join(map(_show, head))
    return shown + _ELLIPSIS * (len(text) > _SUMMARY)


def _show(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _shorten(row: Row, cut: int) -> Row:
    for name in ("text", "event", "answer"):
        text = row.get(name)
        if isinstance(text, str) and len(text) > cut:
            row[name] = text[:cut]
            row["isCut"] = True
    return row


def _handshake(  # noqa: PLR0913, PLR0917 — the facts of its kind
    connection_id: str,
    api: str,
    stage: str,
    handshake: Handshake,
    status: int,
    subprotocol: str | None,
    began_ms: int,
) -> Row:
    query = handshake.query_string.decode("latin-1")
    path = handshake.raw_path.decode("latin-1")
    return {
        "connectionId": connection_id,
        "api": api,
        "stage": stage,
        "status": status,
        "subprotocol": subprotocol,
        "sourceIp": handshake.source_ip,
        "path": path,
        "query": query,
        "headers": [
            [name.decode("latin-1"), value.decode("latin-1")] for name, value in handshake.headers
        ],
        "beganAt": iso(began_ms),
        "summary": f"{status} {path}{'?' * bool(query)}{query}",
    }


def _message(connection_id: str, request_id: str, route: str | None, text: str) -> Row:
    return {
        "connectionId": connection_id,
        "requestId": request_id,
        "route": route,
        "text": text,
        "summary": text,
    }


def _invocation(function: str, invocation: Invocation) -> Row:
    row: Row = {
        "function": function,
        "lambdaRequestId": invocation.request_id,
        "trace": _root(invocation.trace_id),
        "event": _text(invocation.payload),
        **_origin(invocation.payload),
        "isDone": invocation.outcome is not None,
        "summary": function,
    }
    outcome = invocation.outcome
    if isinstance(outcome, InvocationRefused):
        row |= {"error": str(outcome), "summary": f"{function}: {outcome}"}
    elif outcome is not None:
        error = outcome.function_error
        row |= {
            "answer": _text(outcome.payload),
            "error": error,
            "isCold": outcome.is_cold,
            "durationMs": round(outcome.duration_ms, 3),
            "log": _text(outcome.log_tail),
            "summary": f"{function}: {error or 'ok'} in {outcome.duration_ms:.1f} ms",
        }
    return row


def _answer(connection_id: str, request_id: str, data: bytes) -> Row:
    text = _text(data)
    return {
        "connectionId": connection_id,
        "requestId": request_id,
        "text": text,
        "summary": text,
    }


def _post(connection_id: str, status: int, data: bytes, trace: bytes) -> Row:
    text = _text(data)
    row = _managed(connection_id, status, trace)
    return {**row, "text": text, "summary": f"{status} {text}"}


def _managed(connection_id: str, status: int, trace: bytes) -> Row:
    row = {"connectionId": connection_id, "status": status, "summary": str(status)}
    return {**row, "trace": _root(_text(trace))} if trace else row


def _close(connection_id: str, closing: Closing) -> Row:
    return {
        "connectionId": connection_id,
        "code": closing.code,
        "reason": closing.reason,
        "summary": f"{closing.code} {closing.reason}".rstrip(),
    }


def _log(line: str) -> Row:
    function, _, rest = line.partition(" ")
    request_id, _, text = rest.lstrip().partition("  ")
    return {
        "function": function,
        "lambdaRequestId": request_id.strip(),
        "text": text.lstrip() if request_id == "init" else text,
        "summary": text,
    }


def _why(said: Said) -> Row:
    return {
        "reason": said.reason.id,
        "clause": said.reason.clause,
        "place": said.place,
        "text": said.text,
        "times": said.times,
        "summary": f"{said.reason.clause} {said.place}: {said.text}",
    }


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _root(trace: str) -> str:
    """Return the `Root` of a trace header, `Root=1-…;Parent=…`; the whole of one without."""
    for part in trace.split(";"):
        name, _, value = part.strip().partition("=")
        if name == "Root":
            return value
    return trace


def _origin(payload: bytes) -> Row:
    """Return what an API's event says of the message or handshake that it is for."""
    try:
        event: object = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    event = cast("dict[str, object]", event) if isinstance(event, dict) else {}
    context = event.get("requestContext")
    if not isinstance(context, dict):
        return _senders(event.get("Records"))
    found = cast("dict[str, object]", context)
    if event.get("type") == "REQUEST":
        found = {**found, "eventType": "AUTHORIZE"}
    names = {
        "connectionId": "connectionId",
        "requestId": "requestId",
        "routeKey": "route",
        "eventType": "eventType",
    }
    return {
        ours: value for theirs, ours in names.items() if isinstance(value := found.get(theirs), str)
    }


def _senders(records: object) -> Row:
    """Return the traces of those who sent the records of an event of SQS, each once."""
    found: dict[str, None] = {}
    for record in cast("list[object]", records) if isinstance(records, list) else []:
        attributes: object = (
            cast("dict[str, object]", record).get("attributes")
            if isinstance(record, dict)
            else None
        )
        if isinstance(attributes, dict):
            trace = cast("dict[str, object]", attributes).get("AWSTraceHeader")
            if isinstance(trace, str):
                found[_root(trace)] = None
    return {"sentBy": [*found]} if found else {}


_WRITERS: dict[Kind, Callable[..., Row]] = {
    Kind.HANDSHAKE: _handshake,
    Kind.MESSAGE: _message,
    Kind.INVOCATION: _invocation,
    Kind.REPLY: _answer,
    Kind.ERROR: _answer,
    Kind.POST: _post,
    Kind.LOOK: _managed,
    Kind.DELETE: _managed,
    Kind.CLOSE: _close,
    Kind.LOG: _log,
    Kind.WHY: _why,
}
