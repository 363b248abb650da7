"""`AWS::ApiGatewayV2::Authorizer` of WebSocket APIs, and which route asks it.

API Gateway API reference, CreateAuthorizer and CreateRoute: a WebSocket API has REQUEST authorizers
alone, without a cache, and only `$connect` may ask who calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast, get_args

from local_gateway.api import Authorization, Authorizer
from local_gateway.authorization.identity_source import SHAPES, problem_of
from local_gateway.resources import function_uris

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local_gateway.api import Stage
    from local_gateway.declarations import Declarations
    from local_gateway.properties import Properties

AUTHORIZER: Final = "AWS::ApiGatewayV2::Authorizer"
MAX_AUTHORIZERS: Final = 10
"""Per API (API Gateway quotas)."""

_KINDS: Final[tuple[str, ...]] = get_args(Authorization)
_OF_HTTP_APIS: Final = ("JwtConfiguration", "AuthorizerPayloadFormatVersion")


def read(
    api: str, stages: Mapping[str, Stage], declarations: Declarations
) -> dict[str, Authorizer]:
    """Return the authorizers of a WebSocket API by what `Ref` gives for them.

    Raises:
        TemplateError: A property is wrong or missing, or only HTTP APIs have it.
        UnsupportedFeature: One calls something else than a function of the template.
    """
    found: dict[str, Authorizer] = {}
    for logical_id, properties in declarations.of_type(AUTHORIZER):
        if properties.text("ApiId") != declarations.id(api):
            continue
        if len(found) == MAX_AUTHORIZERS:
            raise properties.error(
                "ApiId", f"the API {api} has more authorizers than AWS takes", allowed="10 per API"
            )
        authorizer = _read(logical_id, properties, stages, declarations)
        found[authorizer.authorizer_id] = authorizer
    return found


def of_route(
    route: Properties, route_key: str, authorizers: Mapping[str, Authorizer]
) -> tuple[Authorization, Authorizer | None]:
    """Return how a route of a WebSocket API finds out who calls.

    Raises:
        TemplateError: The kind is unknown, its authorizer is missing or none of this API, or the
            route is another one than `$connect`.
    """
    kind = route.text("AuthorizationType", "NONE")
    if kind not in _KINDS:
        why = ", which only HTTP APIs have" if kind == "JWT" else ""
        raise route.error("AuthorizationType", f"is {kind}{why}", allowed=", ".join(_KINDS))
    known = cast("Authorization", kind)
    authorizer_id = route.optional_text("AuthorizerId")
    if known != "NONE" and route_key != "$connect":
        raise route.error(
            "AuthorizationType",
            f"is {known} on the route {route_key}; only $connect can ask who calls, for all routes",
            allowed="NONE, or none at all",
        )
    if known != "CUSTOM":
        if authorizer_id is not None:
            raise route.error(
                "AuthorizerId",
                f"is given, and AuthorizationType is {known}",
                allowed="none, or AuthorizationType: CUSTOM",
            )
        return known, None
    authorizer = authorizers.get(route.text("AuthorizerId"))
    if authorizer is None:
        raise route.error(
            "AuthorizerId",
            f"is {authorizer_id!r}, no authorizer of this API",
            allowed=f"the Ref of an {AUTHORIZER} with the same ApiId",
        )
    return known, authorizer


def _read(
    logical_id: str,
    properties: Properties,
    stages: Mapping[str, Stage],
    declarations: Declarations,
) -> Authorizer:
    kind = properties.text("AuthorizerType")
    if kind != "REQUEST":
        why = ", which only HTTP APIs have" if kind == "JWT" else ""
        raise properties.error("AuthorizerType", f"is {kind}{why}", allowed="REQUEST")
    _refuse_what_http_apis_have(properties)
    sources = properties.texts("IdentitySource")
    for source in sources:
        if problem := problem_of(source):
            raise properties.error("IdentitySource", problem, allowed=SHAPES)
    function, functions = function_uris.read(properties, "AuthorizerUri", stages, declarations)
    return Authorizer(
        logical_id=logical_id,
        authorizer_id=declarations.id(logical_id),
        name=properties.text("Name"),
        function=function,
        functions=functions,
        identity_sources=sources,
        has_credentials=properties.has("AuthorizerCredentialsArn"),
    )


def _refuse_what_http_apis_have(properties: Properties) -> None:
    ttl = properties.integer("AuthorizerResultTtlInSeconds", 0, least=0, most=3_600)
    if ttl:
        raise properties.error(
            "AuthorizerResultTtlInSeconds",
            f"is {ttl}; the result of a WebSocket API's authorizer is not cached",
            allowed="0, or none at all",
        )
    if properties.boolean("EnableSimpleResponses"):
        raise properties.error(
            "EnableSimpleResponses",
            "is true; the authorizer of a WebSocket API returns a policy",
            allowed="false, or none at all",
        )
    for name in _OF_HTTP_APIS:
        if properties.has(name):
            raise properties.error(name, "is given, which only HTTP APIs have", allowed="none")
