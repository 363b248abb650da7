"""`MOCK`: no back-end at all; the request template says which status it would have answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson

from local_gateway.integrations.backend import BackendResponse

if TYPE_CHECKING:
    from local_gateway.assumptions import Assumptions
    from local_gateway.integrations.backend import BackendRequest, Settle

_OK = 200
_ERROR = 500


class MockBackend:
    """Answers with the `statusCode` of the request that it is given, and with no body."""

    __slots__ = ("_unasked",)

    def __init__(self, assumptions: Assumptions) -> None:
        """Take what is answered without a status (INTEGRATION-2)."""
        self._unasked = _OK if assumptions.mock_without_status == "200" else _ERROR

    def send(self, request: BackendRequest, settle: Settle) -> None:
        """See `Backend`."""
        status = _status(request.body) or self._unasked
        settle(BackendResponse(status, selector=str(status)))


def _status(body: str) -> int | None:
    """Return the status that a request asks for, None if it asks for none."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    status = cast("dict[str, object]", value).get("statusCode")
    return status if isinstance(status, int) and not isinstance(status, bool) else None
