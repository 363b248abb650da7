"""`MOCK`: no back-end at all; the request template says which status it would have answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson

from local_gateway.integrations.backend import BackendResponse

if TYPE_CHECKING:
    from local_gateway.integrations.backend import BackendRequest, Settle

_OK = 200


class MockBackend:
    """Answers with the `statusCode` of the request that it is given, and with no body."""

    __slots__ = ()

    def send(self, request: BackendRequest, settle: Settle) -> None:
        """See `Backend`."""
        status = _status(request.body)
        settle(BackendResponse(status, selector=str(status)))


def _status(body: str) -> int:
    """Return the status that a request asks for; without one, it is 200."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _OK
    if not isinstance(value, dict):
        return _OK
    status = cast("dict[str, object]", value).get("statusCode")
    return status if isinstance(status, int) and not isinstance(status, bool) else _OK
