"""Who may reach which part."""

from __future__ import annotations

import pytest

from local_gateway.app import is_cross_site, is_for_this_machine


@pytest.mark.parametrize(
    "host", [b"127.0.0.1:3000", b"localhost", b"LOCALHOST:1", b"[::1]:3000", b"[::1]"]
)
def test_a_loopback_host_is_this_machine(host: bytes) -> None:
    assert is_for_this_machine([(b"accept", b"*/*"), (b"Host", host)])


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"127.0.0.1.evil.example:3000", b"localhost.evil.example", b"", b"10.0.0.1"],
)
def test_another_host_is_a_rebound_name(host: bytes) -> None:
    assert not is_for_this_machine([(b"host", host)])


def test_a_request_without_host_is_for_nobody() -> None:
    assert not is_for_this_machine([])


@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil.example",
        b"null",
        b"http://localhost.evil.example:3000",
        b"https://127.0.0.1@evil.example",
    ],
)
def test_a_page_from_elsewhere_is_cross_site(origin: bytes) -> None:
    assert is_cross_site([(b"host", b"127.0.0.1:3000"), (b"origin", origin)])


@pytest.mark.parametrize("origin", [b"http://127.0.0.1:3000", b"http://localhost:8080"])
def test_a_page_of_this_machine_is_not(origin: bytes) -> None:
    assert not is_cross_site([(b"origin", origin)])


def test_a_function_sends_no_origin() -> None:
    assert not is_cross_site([(b"host", b"127.0.0.1:3000")])
