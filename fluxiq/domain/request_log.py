"""What is remembered of a request: who asked what, when, and how it was answered. Never what was
said: bodies are about people.
"""

from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Final

from msgspec import Struct

_IPV4_BITS: Final = 24
_IPV6_BITS: Final = 48


class RequestLine(Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """One request. `merchant_id` is None where somebody of the institution asked; `error_code` is
    our own, None after a success. An array where it is kept: a log has many of them.
    """

    id: str  # req_…, as the caller was told in X-Request-Id
    at: datetime
    method: str
    path: str
    status: int
    error_code: str | None
    microseconds: int
    actor: str  # key_… or usr_…
    merchant_id: str | None
    address: str
    idempotency_key: str | None = None


def masked_address(address: str) -> str:
    """The network of a client: enough to tell an office from a data centre. What is no address is
    nothing.
    """
    try:
        version = ip_address(address.partition("/")[0]).version
        bits = _IPV4_BITS if version == 4 else _IPV6_BITS  # noqa: PLR2004 - IP's own numbers
        return str(ip_network(f"{address.partition('/')[0]}/{bits}", strict=False))
    except ValueError:
        return ""
