from __future__ import annotations

import pytest

from cloudpush.errors import ConfigurationWrong
from cloudpush.management.endpoint import Endpoint, parse_endpoint


def test_url_of_a_stage_is_taken_apart() -> None:
    endpoint = parse_endpoint("https://abcdef1234.execute-api.eu-west-1.amazonaws.com/dev")

    assert endpoint == Endpoint(
        host="abcdef1234.execute-api.eu-west-1.amazonaws.com",
        port=443,
        is_tls=True,
        authority="abcdef1234.execute-api.eu-west-1.amazonaws.com",
        path="/dev/@connections/",
        canonical_path="/dev/%40connections/",
    )


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://push.example.com", "/@connections/"),
        ("https://push.example.com/", "/@connections/"),
        ("https://push.example.com/base", "/base/@connections/"),
        ("https://push.example.com/base/path/", "/base/path/@connections/"),
        ("https://push.example.com//base/./path", "/base/path/@connections/"),
        ("http://127.0.0.1:3000/_apis/Chat/dev", "/_apis/Chat/dev/@connections/"),
    ],
)
def test_path_of_a_custom_domain_may_be_anything(url: str, path: str) -> None:
    assert parse_endpoint(url).path == path


@pytest.mark.parametrize(
    ("url", "host", "port", "authority"),
    [
        ("http://127.0.0.1:3000/dev", "127.0.0.1", 3000, "127.0.0.1:3000"),
        ("http://127.0.0.1/dev", "127.0.0.1", 80, "127.0.0.1"),
        ("http://127.0.0.1:443/dev", "127.0.0.1", 443, "127.0.0.1:443"),
        ("https://Push.Example.com:443/dev", "push.example.com", 443, "push.example.com"),
        ("http://[::1]:3000/dev", "::1", 3000, "[::1]:3000"),
    ],
)
def test_host_header_leaves_out_the_port_of_the_scheme(
    url: str, host: str, port: int, authority: str
) -> None:
    endpoint = parse_endpoint(url)

    assert (endpoint.host, endpoint.port, endpoint.authority) == (host, port, authority)


def test_default_stage_is_encoded_once_where_it_is_signed() -> None:
    endpoint = parse_endpoint("https://push.example.com/$default")

    assert endpoint.path == "/$default/@connections/"
    assert endpoint.canonical_path == "/%24default/%40connections/"


def test_pad_of_an_id_is_encoded_on_the_wire_and_once_more_where_it_is_signed() -> None:
    endpoint = parse_endpoint("https://push.example.com/dev")

    assert endpoint.path_of("PJqB0fHsqRcCHlw=") == "/dev/@connections/PJqB0fHsqRcCHlw%3D"
    assert (
        endpoint.canonical_path_of("PJqB0fHsqRcCHlw=") == "/dev/%40connections/PJqB0fHsqRcCHlw%253D"
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "push.example.com/dev",
        "wss://push.example.com/dev",
        "https:///dev",
        "https://push.example.com:port/dev",
        "https://push.example.com:99999/dev",
        "https://user:secret@push.example.com/dev",
        "https://push.example.com/dev?stage=x",
        "https://push.example.com/dev#x",
        "https://push.example.com/../dev",
        "https://push.example.com/a b",
        "https://push.example.com/dev\r\nX-Evil: 1",
        "https://push.example.com/dév",
        f"https://{'a' * 64}.example.com/dev",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationWrong):
        parse_endpoint(url)
