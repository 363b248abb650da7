"""Who may call a route: each says which scope it needs, or is open to everybody by name.

route                                       needs
/message/send, /v1/messages                 push
…, to look at it                            read
/server/get                                 read, or to be this client
DELETE /v1/clients/{clientId}               admin
POST /v1/dead-letters/redrive               admin
POST /v1/tickets                            to be the client, or admin
/health, /docs, /openapi.json, the pages    nothing
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import Depends, Request

from cloudpush import authorizing, clock, wiring
from cloudpush.errors import Forbidden
from cloudpush.rights import EVERYBODY, Scope
from cloudpush.settings import AuthMode

if TYPE_CHECKING:
    from cloudpush.rights import Principal

DEFAULT_SENDER: Final = "system"

_PRINCIPAL: Final = "cloudpush.principal"
"""The key in a request's scope."""


def needs(scope: Scope) -> list[Any]:
    """Return the `dependencies` of a route that whoever has this scope may call."""

    async def check(request: Request) -> None:
        _check_scope(principal_of(request), scope)

    return [Depends(check)]


def check_is_client(request: Request, client_id: str, scope: Scope) -> None:
    """Let this client itself pass, and whoever has the scope.

    Raises:
        Unauthorized, Forbidden: it is neither.
    """
    principal = principal_of(request)
    if principal.client_id != client_id:
        _check_scope(principal, scope)


def principal_of(request: Request) -> Principal:
    """Return who sends a request.

    Raises:
        Unauthorized: it has no token and no key that we trust.
    """
    wired = wiring.current()
    if wired.settings.auth_mode is AuthMode.NONE:
        return EVERYBODY
    known: Principal | None = request.scope.get(_PRINCIPAL)
    if known is None:
        known = request.scope[_PRINCIPAL] = authorizing.identify(
            request.headers.get("authorization"),
            keys=wired.signing_keys,
            rules=wired.settings.token_rules,
            api_keys=wired.api_keys,
            revocations=wired.revocations,
            now_ms=clock.now_ms(),
        )
    return known


def take_pushes(request: Request, number: int = 1) -> None:
    """Count what a request pushes, where it is known who pushes.

    Raises:
        TooManyRequests: that is more often than the deployment allows.
    """
    principal = principal_of(request)
    if principal is not EVERYBODY:
        wiring.current().push_limit.take(principal.name, number)


def sender_of(request: Request, wanted: str) -> str:
    """Return the name that a message is sent in: a client's own, unless it may use another's.

    Raises:
        Forbidden: it is another's.
    """
    principal = principal_of(request)
    own = principal.client_id
    if own is None or Scope.ADMIN in principal.scopes or wanted == own:
        return wanted
    if wanted != DEFAULT_SENDER:
        raise Forbidden("this token does not allow to send in another's name")
    return own


def _check_scope(principal: Principal, scope: Scope) -> None:
    if scope not in principal.scopes:
        raise Forbidden(f"this needs the scope {scope.value}")
