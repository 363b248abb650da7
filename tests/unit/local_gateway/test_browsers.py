"""What tells a web page's request from any other."""

from __future__ import annotations

import pytest

from local_gateway.browsers import foreign_origin, host_of, is_cross_site, is_for_this_machine

OURS = (b"host", b"127.0.0.1:3000")


@pytest.mark.parametrize(
    "host", [b"127.0.0.1:3000", b"localhost", b"LOCALHOST:1", b"[::1]:3000", b"[::1]"]
)
def test_a_loopback_host_is_this_machine(host: bytes) -> None:
    assert is_for_this_machine([(b"accept", b"*/*"), (b"host", host)])


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"127.0.0.1.evil.example:3000",
        b"localhost.evil.example",
        b"localhost.",
        b"127.0.0.1:3000@evil.example",
        b"0.0.0.0:3000",
        b"2130706433",
        b"",
        b"10.0.0.1",
    ],
)
def test_another_host_is_a_rebound_name(host: bytes) -> None:
    assert not is_for_this_machine([(b"host", host)])


def test_a_request_without_host_is_for_nobody() -> None:
    assert not is_for_this_machine([])


@pytest.mark.parametrize("hosts", [(b"localhost", b"evil.example"), (b"localhost", b"localhost")])
def test_nor_is_one_with_two(hosts: tuple[bytes, bytes]) -> None:
    assert host_of([(b"host", host) for host in hosts]) == ""


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example",
        b"null",
        b"",
        b"http://localhost.evil.example:3000",
        b"https://127.0.0.1@evil.example",
        b"file://",
    ],
)
def test_a_page_from_elsewhere_is_cross_site(origin: bytes) -> None:
    headers = [OURS, (b"origin", origin)]

    assert is_cross_site(headers)
    assert foreign_origin(headers) == origin.decode()


@pytest.mark.parametrize("origin", [b"http://127.0.0.1:3000", b"http://localhost:8080"])
def test_a_page_of_this_machine_is_not(origin: bytes) -> None:
    headers = [(b"origin", origin), (b"sec-fetch-site", b"same-site")]

    assert not is_cross_site(headers)
    assert foreign_origin(headers) is None


def test_a_function_sends_no_origin() -> None:
    assert not is_cross_site([OURS])
    assert foreign_origin([OURS]) is None


@pytest.mark.parametrize(
    ("site", "destination", "is_refused"),
    [
        (b"cross-site", b"image", True),
        (b"cross-site", b"iframe", True),
        (b"cross-site", b"empty", True),
        (b"cross-site", b"document", False),
        (b"same-origin", b"empty", False),
        (b"none", b"document", False),
    ],
)
def test_what_a_page_embeds_is_cross_site_and_a_link_is_not(
    site: bytes,
    destination: bytes,
    is_refused: bool,  # noqa: FBT001 — a parameter
) -> None:
    headers = [OURS, (b"sec-fetch-site", site), (b"sec-fetch-dest", destination)]

    assert is_cross_site(headers) is is_refused
