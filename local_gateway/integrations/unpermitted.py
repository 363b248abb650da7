"""An integration whose function API Gateway may not invoke (PERMISSION-2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_gateway.integration import NotInvocable

if TYPE_CHECKING:
    from local_gateway.integration import Call


class UnpermittedTarget:
    """Fails as Lambda does: at once, without invoking anything."""

    __slots__ = ()

    @property
    def timeout_ms(self) -> int:
        """See `Target`; it is never waited for."""
        return 29_000

    def begin(self, call: Call) -> None:
        """See `Target`."""
        call.fail(NotInvocable("no AWS::Lambda::Permission lets API Gateway invoke the function"))
