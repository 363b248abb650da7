from __future__ import annotations

import pytest

from local_gateway.api import HttpRoute, LambdaProxy
from local_gateway.http_api.routing import Router

INTEGRATION = LambdaProxy(logical_id="Integration", function="Function")


def router(*route_keys: str) -> Router:
    routes: list[HttpRoute] = []
    for key in route_keys:
        method, _, path = key.rpartition(" ")
        routes.append(HttpRoute(method=method or "ANY", path=path, integration=INTEGRATION))
    return Router(routes)


GUIDE = router(
    "GET /pets/dog/1",
    "GET /pets/dog/{id}",
    "GET /pets/{proxy+}",
    "ANY /{proxy+}",
    "$default",
)


@pytest.mark.parametrize(
    ("method", "path", "expected", "parameters"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1", {}),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}", {"id": "2"}),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}", {"proxy": "cat/1"}),
        ("POST", "/test/5", "ANY /{proxy+}", {"proxy": "test/5"}),
        ("POST", "/pets/dog/1", "ANY /{proxy+}", {"proxy": "pets/dog/1"}),
        ("GET", "/", "$default", {}),
        ("GET", "/pets/dog/", "GET /pets/{proxy+}", {"proxy": "dog/"}),
        ("GET", "/pets/dog/a%20b", "GET /pets/dog/{id}", {"id": "a b"}),
        ("GET", "/pets/dog/a%2Fb", "GET /pets/dog/{id}", {"id": "a/b"}),
        ("GET", "/pets/d%6Fg/1", "GET /pets/dog/1", {}),
        ("GET", "/PETS/dog/1", "ANY /{proxy+}", {"proxy": "PETS/dog/1"}),
    ],
)
def test_the_most_specific_route_gets_the_request(
    method: str, path: str, expected: str, parameters: dict[str, str]
) -> None:
    match = GUIDE.match(method, path)

    assert match is not None
    assert (match.route.route_key, match.path_parameters) == (expected, parameters)


def test_the_order_in_the_template_does_not_matter() -> None:
    backwards = router("$default", "ANY /{proxy+}", "GET /a/{id}", "ANY /a/b", "GET /a/b")

    match = backwards.match("GET", "/a/b")

    assert match is not None
    assert match.route.route_key == "GET /a/b"


def test_a_method_goes_before_any_of_the_same_path() -> None:
    routes = router("ANY /a/{id}", "POST /a/{id}")

    keys = [m and m.route.route_key for m in (routes.match(x, "/a/1") for x in ("POST", "GET"))]

    assert keys == ["POST /a/{id}", "ANY /a/{id}"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/a"),
        ("POST", "/a/b"),
        ("GET", "/a/b/c"),
        ("GET", "/a/"),
        ("GET", "/"),
        ("GET", "/files/"),
        ("GET", "/files"),
    ],
)
def test_nothing_matches(method: str, path: str) -> None:
    routes = router("GET /a/{id}", "GET /files/{proxy+}")

    assert routes.match(method, path) is None


def test_the_root_is_a_route_of_its_own() -> None:
    match = router("GET /", "GET /{proxy+}").match("GET", "/")

    assert match is not None
    assert match.route.route_key == "GET /"
