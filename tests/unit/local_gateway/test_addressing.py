"""A path finds its part of the emulator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from local_gateway.addressing import (
    Address,
    Addressing,
    Http,
    Invoke,
    Management,
    Nowhere,
    OwnPage,
    Socket,
)
from local_gateway.api import (
    Application,
    HttpApi,
    MappedStage,
    Stage,
    WebSocketApi,
)
from tests.fakes.applications import an_application

DEV = Stage(name="dev")
PROD = Stage(name="prod")


def websocket_api(logical_id: str, *stages: Stage) -> WebSocketApi:
    return WebSocketApi(
        logical_id=logical_id,
        api_id="abcdefghij",
        name=logical_id,
        route_selection_expression="$request.body.action",
        routes={},
        stages={stage.name: stage for stage in stages},
    )


def http_api(stage: str = "$default") -> HttpApi:
    return HttpApi(
        logical_id="Http", api_id="klmnopqrst", name="http", routes=(), stage=Stage(name=stage)
    )


def application(*apis: WebSocketApi, http: HttpApi | None = None) -> Application:
    return an_application(
        websocket_apis={api.logical_id: api for api in apis},
        http_apis={http.logical_id: http} if http else {},
    )


CHAT = websocket_api("Chat", DEV, PROD)
HTTP = http_api()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/dev", Socket(CHAT, DEV)),
        ("/prod/", Socket(CHAT, PROD)),
        ("/_apis/Chat/dev", Socket(CHAT, DEV)),
        ("/dev/@connections/abc=", Management(CHAT, DEV, "abc=")),
        ("/dev/%40connections/abc%3D", Management(CHAT, DEV, "abc%3D")),
        ("/_apis/Chat/prod/@connections/x", Management(CHAT, PROD, "x")),
        ("/2015-03-31/functions/f/invocations", Invoke()),
        ("/_gateway", OwnPage("")),
        ("/_gateway/", OwnPage("/")),
        ("/_gateway/health", OwnPage("/health")),
        ("/_gatewayish", Http(HTTP)),
        ("/dev/users", Http(HTTP)),
        ("/message/send", Http(HTTP)),
        ("/", Http(HTTP)),
        ("/_apis/Nobody/dev", Nowhere()),
        ("/_apis/Chat/test", Nowhere()),
        ("/_apis/Chat/dev/users", Nowhere()),
    ],
)
def test_a_path_finds_its_part(path: str, expected: Address) -> None:
    addressing = Addressing(application(CHAT, http=HTTP))

    address = addressing.resolve(path)

    assert address == expected


@pytest.mark.parametrize(
    "path",
    [
        "/dev/../_gateway/faults",
        "/dev/%2e%2e/_gateway/faults",
        "/dev%2f..%2f_gateway/faults",
        "/%5fgateway/faults",
        "//_gateway/faults",
        "/./_gateway/faults",
        "/dev%00",
        "/_apis/../_gateway/faults",
        "/_apis/Chat/dev/../../_gateway/faults",
        "/_apis/Chat%2f..%2f/dev",
    ],
)
def test_no_step_leads_from_one_part_to_another(path: str) -> None:
    assert Addressing(application(CHAT)).resolve(path) == Nowhere()


@pytest.mark.parametrize("steps", ["../../_gateway/faults", "%2e%2e%2f..", "..", "a%00b", ""])
def test_what_follows_connections_is_an_id_whatever_it_is(steps: str) -> None:
    address = Addressing(application(CHAT)).resolve(f"/dev/@connections/{steps}")

    assert address == Management(CHAT, DEV, steps)


def test_a_stage_that_two_apis_share_needs_the_api_in_the_path() -> None:
    other = websocket_api("Other", DEV)
    addressing = Addressing(application(CHAT, other))

    addresses = [addressing.resolve(path) for path in ("/dev", "/_apis/Other/dev", "/prod")]

    assert addresses == [Nowhere(), Socket(other, DEV), Socket(CHAT, PROD)]


def test_a_named_stage_of_an_http_api_is_a_prefix() -> None:
    http = http_api("v1")
    addressing = Addressing(application(CHAT, http=http))

    addresses = [addressing.resolve(path) for path in ("/v1/users", "/users")]

    assert addresses == [Http(http), Nowhere()]


OTHER = WebSocketApi(
    logical_id="Other",
    api_id="otherother",
    name="other",
    route_selection_expression="",
    routes={},
    stages={"dev": DEV},
)


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("abcdefghij.execute-api.us-east-1.amazonaws.com", "/dev", Socket(CHAT, DEV)),
        (
            "otherother.execute-api.cn-north-1.amazonaws.com.cn",
            "/dev/@connections/a",
            Management(OTHER, DEV, "a"),
        ),
        ("otherother.execute-api.us-east-1.amazonaws.com", "/prod", Nowhere()),
        ("elsewhere0.execute-api.eu-west-1.amazonaws.com", "/prod", Socket(CHAT, PROD)),
        ("elsewhere0.execute-api.eu-west-1.amazonaws.com", "/dev", Nowhere()),
        ("elsewhere0.execute-api.eu-west-1.amazonaws.com", "/_gateway/", Nowhere()),
        ("klmnopqrst.execute-api.us-east-1.amazonaws.com", "/dev", Http(HTTP)),
        ("execute-api.us-east-1.amazonaws.com", "/dev", None),
        ("abcdefghij.execute-api.us-east-1.amazonaws.com.evil.example", "/dev", None),
        ("localhost", "/dev", None),
    ],
)
def test_a_deployed_apis_host_has_its_paths(host: str, path: str, expected: Address | None) -> None:
    addressing = Addressing(application(CHAT, OTHER, http=HTTP))

    assert addressing.resolve_at(host, path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", Socket(CHAT, DEV)),
        ("/@connections/a", Management(CHAT, DEV, "a")),
        ("/v2", Socket(CHAT, PROD)),
        ("/v2/%40connections/a", Management(CHAT, PROD, "a")),
        ("/dev", Nowhere()),
        ("/_gateway/", Nowhere()),
    ],
)
def test_a_custom_domain_has_mapping_keys_for_stages(path: str, expected: Address) -> None:
    mappings = {
        "": MappedStage(api="Chat", stage="dev"),
        "v2": MappedStage(api="Chat", stage="prod"),
    }
    known = replace(application(CHAT), custom_domains={"ws.example.com": mappings})

    assert Addressing(known).resolve_at("ws.example.com", path) == expected
