"""What authorizers return, and who signs requests: data that a handler can be told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_gateway.api import Authorizer, Function, Role
from tests.fakes.gateway import route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Route

REGION = "us-east-2"
METHOD_ARN = "arn:aws:execute-api:us-east-2:123456789012:lg10ltpf4f/dev/$connect"
AUTHORIZER_ARN = "arn:aws:execute-api:us-east-2:123456789012:lg10ltpf4f/authorizers/abcdef"
LOCAL = Credentials("local", "local", "local")
NOTIFY = Credentials("local", "local", "local/Notify")
"""What the function `Notify` signs with."""


def statement(
    effect: str = "Allow", *, resource: object = METHOD_ARN, **more: object
) -> dict[str, object]:
    """Write a statement of a policy."""
    return {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource, **more}


def result(*statements: Mapping[str, object], **more: object) -> dict[str, object]:
    """Write what an authorizer returns; without statements it allows the handshake."""
    document = {"Version": "2012-10-17", "Statement": list(statements or (statement(),))}
    return {"principalId": "alice", "policyDocument": document, **more}


def authorized_route(
    *identity_sources: str,
    is_api_key_required: bool = False,
    **changes: Any,  # noqa: ANN401 — of the model
) -> Route:
    """Make a `$connect` route that the function `authorize` decides about."""
    authorizer = Authorizer(
        logical_id="Who",
        authorizer_id="abcdef",
        name="who",
        function="authorize",
        identity_sources=identity_sources,
        **changes,
    )
    return route(
        "$connect",
        "connect",
        authorization="CUSTOM",
        authorizer=authorizer,
        is_api_key_required=is_api_key_required,
    )


def declare_notify(*policies: Mapping[str, object], is_known: bool = True) -> dict[str, Any]:
    """Declare the function `Notify`, whose role has these policies, if it is known."""
    notify = Function(
        logical_id="Notify",
        name="notify",
        arn="arn:aws:lambda:us-east-2:123456789012:function:notify",
        handler="app.handler",
        runtime="python3.13",
        code=Path("functions"),
    )
    role = Role(logical_id="NotifyRole", name="notify-role", policies=policies)
    return {"functions": {"Notify": notify}, "roles": {"Notify": role} if is_known else {}}


def sign(
    method: str,
    url: str,
    body: bytes = b"",
    *,
    headers: Mapping[str, str] | None = None,
    credentials: Credentials = LOCAL,
    service: str = "execute-api",
    region: str = REGION,
) -> dict[str, str]:
    """Return the headers of a signed request, `Host` among them."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers or {}))
    SigV4Auth(credentials, service, region).add_auth(request)
    return {"Host": urlsplit(url).netloc, **dict(request.headers.items())}


def presign(url: str, *, credentials: Credentials = LOCAL, expires: int = 60) -> str:
    """Return a URL with a signed query string, for a GET."""
    request = AWSRequest(method="GET", url=url)
    SigV4QueryAuth(credentials, "execute-api", REGION, expires=expires).add_auth(request)
    return str(request.url)
