from __future__ import annotations

import ipaddress

import pytest

from cloudpush.errors import ReceiverForbidden
from cloudpush.webhooks.guard import check_all, is_allowed

PUBLIC = ["1.1.1.1", "203.0.114.7", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8"]
PRIVATE = [
    "10.0.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "fd12::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::7f00:1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_always_allowed(address: str) -> None:
    assert [is_allowed(ipaddress.ip_address(address), each) for each in (False, True)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_allowed_where_that_is_said(address: str) -> None:
    assert [is_allowed(ipaddress.ip_address(address), each) for each in (False, True)] == [
        False,
        True,
    ]


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_never_allowed(address: str) -> None:
    assert [is_allowed(ipaddress.ip_address(address), each) for each in (False, True)] == [
        False,
        False,
    ]


def test_addresses_are_given_back_each_once() -> None:
    found = check_all("host", ["1.1.1.1", "1.0.0.1", "1.1.1.1"], may_be_private=False)

    assert found == ["1.1.1.1", "1.0.0.1"]


def test_one_bad_address_spoils_the_others() -> None:
    with pytest.raises(ReceiverForbidden, match=r"169\.254"):
        check_all("host", ["1.1.1.1", "169.254.169.254"], may_be_private=True)


def test_an_address_with_a_zone_is_judged_by_the_address() -> None:
    with pytest.raises(ReceiverForbidden):
        check_all("host", ["fe80::1%eth0"], may_be_private=True)
