"""Lists of networks in CIDR notation, and whether an address is in one of them.

An IPv6 address is known here as its /64, as the rate limits know it (`fluxiq.api.remote`): nobody
is given less, and privacy extensions change the rest of it daily. So a network is /64 or wider.
"""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from fluxiq.errors import Refused

IPV6_BITS_MAX: Final = 64
REMEMBERED: Final = 4096  # pairs of address and list: parsing one takes some 20 microseconds

_Network = IPv4Network | IPv6Network


def parse_network(text: str, *, field: str) -> str:
    """The network as we write it; an address alone is one (of an IPv6 one, its /64).

    Raises Refused("validation_failed"), also for host bits that are set: one of both is a mistake.
    """
    try:
        network = ip_network(text)
    except ValueError as error:
        raise _refused(str(error), field) from None

    if isinstance(network, IPv4Network):
        return str(network)
    if network.network_address.ipv4_mapped is not None:  # whom we know by their IPv4 address
        raise _refused("write an IPv4 network as one", field)
    if "/" not in text:
        return str(network.supernet(new_prefix=IPV6_BITS_MAX))
    if network.prefixlen > IPV6_BITS_MAX:
        raise _refused(f"IPv6 addresses are told apart up to /{IPV6_BITS_MAX}", field)
    return str(network)


@lru_cache(maxsize=REMEMBERED)
def is_within(address: str, networks: tuple[str, ...]) -> bool:
    """Whether `address` (an IPv6 one as its /64) is in one of `networks`; one that nobody knows,
    the empty text, is in none.
    """
    if not address:
        return False
    asked = ip_network(address)
    return any(_covers(ip_network(one), asked) for one in networks)


def _covers(network: _Network, asked: _Network) -> bool:
    if isinstance(network, IPv4Network):
        return isinstance(asked, IPv4Network) and asked.subnet_of(network)
    return isinstance(asked, IPv6Network) and asked.subnet_of(network)


def _refused(message: str, field: str) -> Refused:
    return Refused(
        "validation_failed", f"expected a network in CIDR notation: {message}", field=field
    )
