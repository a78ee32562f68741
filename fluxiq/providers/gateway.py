"""Opens gateway connections: which adapter, where, proving what to whom."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from fluxiq.errors import StartRefused
from fluxiq.http1 import HttpClient, client_tls, tcp_connector
from fluxiq.ports import Provider
from fluxiq.providers.access_token import AccessTokens
from fluxiq.providers.bacen_psp import BacenPspProvider
from fluxiq.providers.callbacks import verification
from fluxiq.providers.files import Reloaded, read_secrets
from fluxiq.providers.guarded import GuardedProvider, Watcher
from fluxiq.providers.signatures import HmacSignature
from fluxiq.providers.simulator_client import SimulatorProvider
from fluxiq.providers.tls import MutualTls
from fluxiq.settings.providers import ProviderLink, Psp, Token

TOKEN_CONNECTIONS_MAX: Final = 1


class ProviderAddress(Struct, frozen=True, kw_only=True):
    """A provider link of one institution. `url` is its root; `secret` is what the simulator and we
    sign with.
    """

    link: ProviderLink
    ispb: str
    url: str
    secret: str

    def __repr__(self) -> str:
        return f"ProviderAddress(kind={self.link.kind!r}, ispb={self.ispb!r}, url={self.url!r})"


class _Place(Struct, frozen=True, kw_only=True):
    """Where a url leads."""

    is_secure: bool
    host: str
    port: int
    host_header: str
    path: str


class GatewayConnection:
    """An open link: its `provider`, and what an operator may want to know of it."""

    def __init__(
        self,
        provider: GuardedProvider,
        tls: MutualTls | None = None,
        clients: tuple[HttpClient, ...] = (),
    ) -> None:
        self.provider = provider
        self._tls = tls
        self._identity = None if tls is None else tls.identity
        self._clients = clients

    def refresh(self) -> None:
        """Let go of connections that were opened with a certificate which has been replaced; new
        ones are opened with the new one anyway.
        """
        if self._tls is None or self._identity is self._tls.identity:
            return
        self._identity = self._tls.identity
        for client in self._clients:
            client.renew()

    def certificate_days_left(self, now: datetime) -> float | None:
        """Until ours expires; None where we show none. The certificate watch says so in time."""
        return None if self._identity is None else self._identity.days_left(now)


@asynccontextmanager
async def open_provider(
    address: ProviderAddress, *, seconds_max: float, watcher: Watcher
) -> AsyncIterator[GatewayConnection]:
    """A gateway connection, closed with the block. Nothing is sent yet: a provider that is away
    is weather. `seconds_max` limits each call. Raises StartRefused for an address that cannot be
    one, and for files that cannot be used.
    """
    link = address.link
    guard = partial(GuardedProvider, limits=link.limits, name=_name(address), watcher=watcher)
    async with AsyncExitStack() as stack:
        if link.psp is None:
            provider = await _simulator(stack, address, seconds_max)
            yield GatewayConnection(guard(provider))
            return
        provider, tls, clients = await _bacen_psp(stack, address, link.psp, seconds_max)
        yield GatewayConnection(guard(provider), tls, clients)


async def _simulator(
    stack: AsyncExitStack, address: ProviderAddress, seconds_max: float
) -> Provider:
    place = _place(address.url)
    tls = client_tls() if place.is_secure else None
    connect = tcp_connector(place.host, place.port, tls)
    connections = address.link.limits.connections_max
    client = HttpClient(connect, place.host_header, connections_max=connections)
    return SimulatorProvider(
        await stack.enter_async_context(client),
        ispb=address.ispb,
        signature=HmacSignature(address.secret),
        seconds_max=seconds_max,
        dynamic_codes=address.link.dynamic_codes,
    )


async def _bacen_psp(
    stack: AsyncExitStack,
    address: ProviderAddress,
    psp: Psp,
    seconds_max: float,
) -> tuple[Provider, MutualTls, tuple[HttpClient, ...]]:
    link = address.link
    assert link.callback is not None, "settings let a PSP pass whose callbacks prove nothing"
    tls = MutualTls(psp)
    client = _mutual(_place(address.url), tls, link.limits.connections_max)
    clients = [await stack.enter_async_context(client)]
    tokens = None
    if psp.token is not None:
        place = _place(psp.token.token_url, rooted=False)
        asking = _mutual(place, tls, TOKEN_CONNECTIONS_MAX)
        clients.append(await stack.enter_async_context(asking))
        tokens = _tokens(psp.token, asking, place.path, seconds_max)

    provider = BacenPspProvider(
        client,
        psp,
        name=_name(address),
        verify=verification(link.callback),
        tokens=tokens,
        seconds_max=seconds_max,
        dynamic_codes=link.dynamic_codes,
    )
    return provider, tls, tuple(clients)


def _name(address: ProviderAddress) -> str:
    return f"provider {address.link.name} of {address.ispb}"


def _mutual(place: _Place, tls: MutualTls, connections_max: int) -> HttpClient:
    connect = partial(tls.connect, place.host, place.port)
    return HttpClient(connect, place.host_header, connections_max=connections_max)


def _tokens(token: Token, client: HttpClient, path: str, seconds_max: float) -> AccessTokens:
    secrets = Reloaded([token.client_secret_file], lambda: read_secrets(token.client_secret_file))
    return AccessTokens(
        client,
        path,
        client_id=token.client_id,
        secret=lambda: secrets.get()[0],
        scope=token.scope,
        seconds_max=seconds_max,
    )


def _place(url: str, *, rooted: bool = True) -> _Place:
    """Raises StartRefused for what is not http(s)://host:port; a path only unless `rooted`."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        port = 0
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or not port
        or "@" in parts.netloc
        or (rooted and parts.path.strip("/"))
    ):
        raise StartRefused(f"the provider's url {url!r} is not http(s)://host:port")
    return _Place(
        is_secure=parts.scheme == "https",
        host=parts.hostname,
        port=port,
        host_header=parts.netloc,
        path=parts.path or "/",
    )
