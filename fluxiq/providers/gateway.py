"""Opens gateway connections: which adapter, where, signing with what."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from msgspec import Struct

from fluxiq.errors import StartRefused
from fluxiq.http1 import HttpClient, tcp_connector
from fluxiq.ports import Provider
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator_client import SimulatorProvider
from fluxiq.settings import Pix

# Orders, enquiries and look-ups under way at once; more of them wait within their deadline.
CONNECTIONS_MAX = 64


class ProviderAddress(Struct, frozen=True, kw_only=True):
    """A provider link of one institution: `url` is its root, `secret` signs in both directions."""

    kind: str
    ispb: str
    url: str
    secret: str

    def __repr__(self) -> str:
        return f"ProviderAddress(kind={self.kind!r}, ispb={self.ispb!r}, url={self.url!r})"


@asynccontextmanager
async def open_provider(address: ProviderAddress, pix: Pix) -> AsyncIterator[Provider]:
    """A gateway connection, closed with the block. Nothing is sent yet: a provider that is away
    is weather. Raises StartRefused for an address that cannot be one.
    """
    assert address.kind == "simulator", f"settings allowed a kind {address.kind!r} nobody wrote"
    parts = urlsplit(address.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise StartRefused(f"the provider's url {address.url!r} is not http(s)://host:port")

    tls = ssl.create_default_context() if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    async with HttpClient(
        tcp_connector(parts.hostname, port, tls), parts.netloc, connections_max=CONNECTIONS_MAX
    ) as client:
        yield SimulatorProvider(
            client,
            ispb=address.ispb,
            signature=HmacSignature(address.secret),
            seconds_max=pix.send_seconds_max,
        )
