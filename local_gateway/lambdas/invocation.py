"""One event on its way to a result, and who waits for that."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from local_gateway.lambdas.result import UNHANDLED, InvocationRefused, InvokeResult

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_BYTES: Final = 16_384
"""How much of an answer is kept for those who look later. Ours."""

_log = logging.getLogger(__name__)


class Invocation:
    """One event on its way to a result."""

    __slots__ = (
        "_settle",
        "client_context",
        "outcome",
        "payload",
        "request_id",
        "trace_id",
        "waits_since",
    )

    def __init__(
        self,
        request_id: str,
        trace_id: str,
        payload: bytes,
        client_context: bytes,
        settle: Callable[[InvokeResult | InvocationRefused], None],
    ) -> None:
        """Take the event; `client_context` is JSON, or empty; `settle` gets the result, once."""
        self.request_id = request_id
        self.trace_id = trace_id
        self.payload = payload
        self.client_context = client_context
        self.waits_since = 0.0
        """When it began to wait for an environment, on the machine's clock."""
        self.outcome: InvokeResult | InvocationRefused | None = None
        """What came of it, None until then; of a long answer the beginning."""
        self._settle: Callable[[InvokeResult | InvocationRefused], None] | None = settle

    @property
    def is_settled(self) -> bool:
        """Return whether the caller has been told, or has given up."""
        return self._settle is None

    def watch(self, hear: Callable[[InvokeResult | InvocationRefused], None]) -> None:
        """Tell somebody else what the caller is told, after the caller."""
        settle = self._settle
        if settle is not None:

            def tell_both(result: InvokeResult | InvocationRefused) -> None:
                settle(result)
                hear(result)

            self._settle = tell_both

    def abandon(self) -> None:
        """Learn that the caller waits no longer."""
        self._settle = None

    def settle(self, result: InvokeResult | InvocationRefused) -> None:
        """Give the caller the result, if it still waits."""
        settle, self._settle = self._settle, None
        self.outcome = _shorten(result)
        if settle is not None:
            try:
                settle(result)
            except Exception:  # noqa: BLE001 — the boundary between the environment and a caller
                # Whose fault it is doesn't matter to the environment, which goes on.
                _log.exception("a caller failed over the result of %s", self.request_id)

    def fail(self, error: bytes, log_tail: bytes) -> None:
        """Give the caller an error object for an event that reached no handler."""
        self.settle(InvokeResult(error, UNHANDLED, self.request_id, log_tail, is_cold=True))

    def refuse(self, reason: str) -> None:
        """Tell the caller that there will be no result."""
        self.settle(InvocationRefused(reason))


def _shorten(result: InvokeResult | InvocationRefused) -> InvokeResult | InvocationRefused:
    if isinstance(result, InvocationRefused) or len(result.payload) <= KEPT_BYTES:
        return result
    return result._replace(payload=result.payload[:KEPT_BYTES])
