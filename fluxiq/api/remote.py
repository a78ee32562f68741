"""Whose request it is: the address that connected, or behind our own proxies the one they name.

`X-Forwarded-For` is a claim. Each proxy appends whom it heard it from, so only what our own proxies
(`[http] trusted_proxies`) appended counts: the right-most address that is not one of them.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Protocol

from werkzeug.datastructures import Headers

FORWARDED_FOR: Final = "X-Forwarded-For"
IPV6_CUSTOMER_BITS: Final = 64  # RFC 6177: nobody has less, so one address of them is one client

_Address = IPv4Address | IPv6Address


class Asked(Protocol):
    """A request or a websocket."""

    @property
    def remote_addr(self) -> str | None: ...

    @property
    def headers(self) -> Headers: ...


class Remote:
    """`trusted_proxies` are networks in CIDR notation, checked when settings are read."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        self._trusted = tuple(ip_network(text) for text in trusted_proxies)

    def of(self, asked: Asked) -> str:
        """The client's address, an IPv6 one as its /64; empty when nobody knows."""
        connected = _parse(asked.remote_addr or "")
        if connected is None:
            return ""
        if not self._trusted or not self._is_ours(connected):
            return _client(connected)
        return _client(self._behind(connected, asked.headers.getlist(FORWARDED_FOR)))

    def _behind(self, proxy: _Address, lines: Sequence[str]) -> _Address:
        """The right-most that is not ours; the last of ours where what follows is no address."""
        for text in reversed(",".join(lines).split(",")):
            address = _parse(text)
            if address is None:
                return proxy
            if not self._is_ours(address):
                return address
            proxy = address
        return proxy

    def _is_ours(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _parse(text: str) -> _Address | None:
    """An address, as some proxies write it: with a port, or in brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _client(address: _Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address), IPV6_CUSTOMER_BITS), strict=False))
