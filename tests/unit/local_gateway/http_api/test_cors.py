from __future__ import annotations

from local_gateway.api import Cors
from local_gateway.http_api import cors
from local_gateway.http_api.request import Request
from local_gateway.http_api.response import Response

CORS = Cors(
    allow_origins=("https://app.example.com",),
    allow_methods=("GET", "POST"),
    allow_headers=("authorization", "content-type"),
    expose_headers=("x-api-id",),
    max_age_seconds=300,
    allow_credentials=True,
)
ALLOWED = (
    ("access-control-allow-origin", "https://app.example.com"),
    ("access-control-allow-credentials", "true"),
    ("access-control-expose-headers", "x-api-id"),
)


def request(method: str = "OPTIONS", **headers: str) -> Request:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request(
        method=method, raw_path="/", query_string="", headers=named, body=b"", source_ip="::1"
    )


def preflight(origin: str) -> Request:
    return request(origin=origin, access_control_request_method="POST")


def test_a_preflight_is_answered_by_the_configuration() -> None:
    answer = cors.answer_preflight(CORS, preflight("https://app.example.com"))

    assert answer == Response(
        204,
        (
            *ALLOWED,
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-headers", "authorization,content-type"),
            ("access-control-max-age", "300"),
        ),
    )


def test_a_preflight_from_elsewhere_gets_no_headers() -> None:
    assert cors.answer_preflight(CORS, preflight("https://evil.example.com")) == Response(204)


def test_other_requests_are_no_preflight() -> None:
    origin = "https://app.example.com"
    others = [
        request("GET", origin=origin, access_control_request_method="GET"),
        request("OPTIONS", access_control_request_method="GET"),
        request("OPTIONS", origin=origin),
    ]

    assert [cors.answer_preflight(CORS, other) for other in others] == [None] * 3


def test_configured_headers_take_the_place_of_the_integrations_own() -> None:
    own = Response(201, (("x-a", "b"), ("access-control-allow-origin", "*")), b"body")

    answer = cors.add_headers(CORS, request("GET", origin="https://app.example.com"), own)

    assert answer == Response(201, (("x-a", "b"), *ALLOWED), b"body")


def test_without_an_origin_that_is_allowed_none_are_added() -> None:
    own = Response(200, (("access-control-allow-origin", "*"),))

    answers = [
        cors.add_headers(CORS, request("GET"), own),
        cors.add_headers(CORS, request("GET", origin="https://evil.example.com"), own),
    ]

    assert answers == [Response(200), Response(200)]


def test_an_asterisk_allows_every_origin() -> None:
    answer = cors.add_headers(Cors(allow_origins=("*",)), request(origin="null"), Response(200))

    assert answer.headers == (("access-control-allow-origin", "*"),)


def test_a_scheme_with_an_asterisk_allows_every_origin_of_that_scheme() -> None:
    configured = Cors(allow_origins=("https://*",))

    answers = [
        cors.add_headers(configured, request(origin=origin), Response(200)).headers
        for origin in ("https://a.example", "http://a.example")
    ]

    assert answers == [(("access-control-allow-origin", "https://a.example"),), ()]
