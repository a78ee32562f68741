"""Where a courier may go: a merchant chooses the URL, so it must not lead into our own network.

The guard is on addresses, not on names: what a name resolves to is checked, and that very address
is connected to, so that a second look-up cannot say something else.
"""

import ipaddress
import socket

import structlog
import trio

from fluxiq.errors import Refused

LOOK_UP_SECONDS_MAX = 5.0

# Prefixes whose last 32 bits are an IPv4 address: NAT64 (RFC 6052), and ::/96, deprecated and still
# routed by some (RFC 4291, 2.5.5.1).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")
# All of IPv6 that IANA has given to the world. Python 3.11 believes more to be global, such as
# 64:ff9b:1::/48, by which a network's own NAT64 may reach its own hosts (RFC 8215).
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_DOCUMENTATION = ipaddress.ip_network("3fff::/20")  # RFC 9637, younger than Python's tables

_log = structlog.get_logger("fluxiq.couriers")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Forbidden(Exception):
    """The endpoint is at an address where no merchant can be."""


class PublicAddresses:
    """`ports.webhooks.Addresses`: refuses what leads into our own network, as settings allow."""

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    async def check(self, host: str, port: int) -> None:
        """Raises Refused `webhook_url_forbidden`. What does not resolve within 5 s passes."""
        try:
            with trio.fail_after(LOOK_UP_SECONDS_MAX):
                await resolve(host, port, allow_loopback=self._allow_loopback)
        except Forbidden as forbidden:
            raise Refused("webhook_url_forbidden", str(forbidden), field="url") from None
        except (OSError, trio.TooSlowError) as error:
            # The name may be made after the endpoint; nothing is sent to it until it resolves.
            _log.info("webhook_host_unresolved", host=host, error=str(error))


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

    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast and address not in _DOCUMENTATION


def _inner(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where the network would unpack it."""
    if isinstance(address, ipaddress.IPv4Address):
        return address

    unspecified_or_loopback = int(address) <= 1
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and not unspecified_or_loopback):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
