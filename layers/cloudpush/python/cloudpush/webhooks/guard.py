"""Which addresses a webhook may go to: a URL is no way into the network that we stand in.

Whoever may set the URL of a webhook may otherwise have us call what only we reach: metadata of the
machine, its neighbours, itself. So an address is judged after its name was resolved, and what is
judged is what is connected to; a name that means another address a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final, TypeAlias

from cloudpush.errors import ReceiverForbidden

if TYPE_CHECKING:
    from collections.abc import Iterable

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64: Final = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # RFC 6052, well-known prefix
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # RFC 8215, local use
)
_PRIVATE: Final = (
    *map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),  # RFC 1918
    ipaddress.IPv6Network("fc00::/7"),  # RFC 4193
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # RFC 4291, 2.4, as IANA assigns it
_AMAZON: Final = ipaddress.IPv6Network("fd00:ec2::/32")
"""What a machine of AWS is told by AWS: its metadata, resolver and time. In IPv4 that is link-local
(EC2 user guide, «Access instance metadata»; VPC user guide, «Amazon DNS server»)."""


def check_all(host: str, addresses: Iterable[str], *, may_be_private: bool) -> list[str]:
    """Return the addresses of a host, each once, if every one of them may be connected to.

    One that may not is a reason to trust the others less, not to choose among them.

    Raises:
        ReceiverForbidden: one of them may not.
    """
    found = list(dict.fromkeys(addresses))
    for each in found:
        if not is_allowed(ipaddress.ip_address(each.partition("%")[0]), may_be_private):
            raise ReceiverForbidden(f"{host} is {each}, which no receipts are sent to")
    return found


def is_allowed(address: Address, may_be_private: bool) -> bool:  # noqa: FBT001 — read as a sentence
    """Tell whether an address may be connected to; of one that carries another, the other."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return is_allowed(carried, may_be_private)
    if may_be_private and (address.is_loopback or any(address in each for each in _PRIVATE)):
        return address not in _AMAZON
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast


def _carried(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that a packet to this one ends at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None
