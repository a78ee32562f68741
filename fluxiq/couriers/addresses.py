"""Where a courier may go: a merchant chooses the URL, so it must not lead into our own network.

The guard is on addresses, not on names: what a name resolves to is checked, and that very address
is connected to, so that a second look-up cannot say something else.
"""

import ipaddress
import socket

import trio

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(Exception):
    """The endpoint is at an address where no merchant can be."""


async def resolve(host: str, port: int, *, allow_loopback: bool) -> list[str]:
    """The addresses of `host`, in the order to try them.

    Raises Forbidden when any of them is not public (loopback apart, where allowed), OSError when
    there are none.
    """
    try:
        found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:
        # A name that is none (a label too long, a NUL) is refused by Python in another family.
        raise OSError(f"{host!r} is not a name: {error}") from None
    texts = list(dict.fromkeys(str(one[4][0]) for one in found))
    for text in texts:
        if not is_allowed(text, allow_loopback=allow_loopback):
            raise Forbidden(f"{host} is at {text}, which is not a public address")
    return texts


def is_allowed(text: str, *, allow_loopback: bool) -> bool:
    """Whether a merchant's endpoint may be at this address."""
    # A scope (fe80::1%eth0) exists for link-local addresses only.
    address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    if address.is_loopback:
        return allow_loopback

    return address.is_global and not address.is_multicast


def _inner(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where the network would unpack it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address

    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
