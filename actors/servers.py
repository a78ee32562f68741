"""The servers the platform stands on: the embedded ones, or those that the settings name.

Every institution gets credentials of its own; where they come from is decided here and only here.
"""

import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias, TypeVar

import trio

from actors.embedded import (
    DataDirectory,
    acl_rules,
    nats_child,
    nats_endpoint,
    postgres_child,
    postgres_endpoint,
    reload_nats,
    tigerbeetle_child,
    tigerbeetle_endpoint,
    valkey_child,
    valkey_endpoint,
)
from actors.embedded.nats import institution_permissions
from actors.embedded.valkey import LATER_COMMANDS
from actors.queues import consumers_of
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.bus import Bus, open_bus
from fluxiq.cache import Cache, open_cache
from fluxiq.errors import Unavailable
from fluxiq.ledgers.tigerbeetle import Cluster
from fluxiq.settings import Settings
from fluxiq.stores.pool import Postgres, open_postgres
from fluxiq.stores.provision import role_of
from supervisors import ChildSpec

T = TypeVar("T")
Opening: TypeAlias = AbstractAsyncContextManager[T]


class Servers:
    """How to reach Postgres, NATS and Redis: as the administrator, or as one institution."""

    def __init__(self, settings: Settings, directory: DataDirectory) -> None:
        self._settings = settings
        self._directory = directory
        # Read at each start of the embedded server, so that it forgets nobody who came later.
        self._nats_users = {
            one.ispb: [name for name, _ in consumers_of(settings, one.ispb)]
            for one in settings.institutions
        }

    def children(self) -> list[ChildSpec]:
        """The embedded servers. Raises StartRefused when a wheel is missing."""
        settings, directory = self._settings, self._directory
        found: list[ChildSpec | None] = []
        if not settings.postgres.url:
            found.append(postgres_child(directory))
        if not settings.nats.url:
            found.append(nats_child(directory, self._nats_users))
        if not settings.redis.url:
            found.append(valkey_child(directory))
        if not settings.tigerbeetle.addresses:
            found.append(tigerbeetle_child(directory))
        return [child for child in found if child is not None]

    def tigerbeetle(self) -> Cluster | None:
        """The cluster that keeps the books: the given one, else the embedded one, else none."""
        given = self._settings.tigerbeetle
        if given.addresses:
            return Cluster(int(given.cluster), given.addresses)

        found = tigerbeetle_endpoint(self._directory)
        return None if isinstance(found, str) else Cluster(found.cluster, found.address)

    def ledger_note(self) -> str:
        """Which ledger keeps the books, in one line for the person at the terminal."""
        cluster = self.tigerbeetle()
        if cluster is None:
            return str(tigerbeetle_endpoint(self._directory))
        return f"TigerBeetle, {cluster}; PostgreSQL stands in when it is away"

    # The ways in. Without an ISPB: the administrator's.

    def open_postgres(
        self,
        host: AsyncioHost,
        ispb: str | None = None,
        *,
        size: int,
        seconds_max: float,
        observe: Callable[[float], None] | None = None,
    ) -> Opening[Postgres]:
        """A pool of `size` connections whose statements last at most `seconds_max`."""
        where = {"dsn": self._settings.postgres.url or postgres_endpoint(self._directory).url}
        if ispb is not None:
            where |= {"user": role_of(ispb), "password": self.postgres_password(ispb)}
        return open_postgres(
            host,
            where,
            size=size,
            application_name=f"fluxiq {ispb or 'platform'}",
            statement_timeout=seconds_max,
            observe=observe,
        )

    def postgres_password(self, ispb: str) -> str:
        """The password of the institution's role: ours to choose, the same at every start."""
        return self._directory.secret(f"postgres/{role_of(ispb)}")

    def open_nats(self, host: AsyncioHost, ispb: str | None = None) -> Opening[Bus]:
        """The bus. A server of somebody else has the users it has: one serves everybody."""
        given, own = self._settings.nats, nats_endpoint(self._directory, ispb)
        return open_bus(
            host,
            given.url or f"nats://{own.host}:{own.port}",
            user=given.user if given.url else own.user,
            password=given.password if given.url else own.password,
            inbox_prefix=own.inbox_prefix,
            name=f"fluxiq {ispb or 'platform'}",
        )

    def open_redis(self, host: AsyncioHost, ispb: str | None = None) -> Opening[Cache]:
        """The cache, under the institution's prefix. A given URL speaks for the administrator."""
        given, own = self._settings.redis.url, valkey_endpoint(self._directory, ispb)
        ours = not given or ispb is not None
        return open_cache(
            host,
            given or f"unix://{own.path}",
            user=own.user if ours else None,
            password=own.password if ours else None,
            prefix=f"fluxiq:{ispb}:" if ispb else "fluxiq:",
        )

    def redis_commands(self, ispb: str) -> list[list[str]]:
        """What makes the institution's ACL user, and makes it last."""
        way = valkey_endpoint(self._directory, ispb)
        rules = acl_rules(ispb, way.password)
        if not self._settings.redis.url:
            return [["ACL", "SETUSER", way.user, *rules, *LATER_COMMANDS], ["ACL", "SAVE"]]
        later = [["ACL", "SETUSER", way.user, one] for one in LATER_COMMANDS]
        return [["ACL", "SETUSER", way.user, *rules], *later]

    def redis_removal(self, ispb: str) -> list[list[str]]:
        """What ends the institution's ACL user, and its connections."""
        commands = [["ACL", "DELUSER", valkey_endpoint(self._directory, ispb).user]]
        if not self._settings.redis.url:
            commands.append(["ACL", "SAVE"])
        return commands

    async def admit_to_nats(self, ispb: str) -> list[str]:
        """Make the institution's user known. Raises Unavailable. Returns what is left to do: the
        users of somebody else's server are not ours to make.
        """
        consumers = [name for name, _ in consumers_of(self._settings, ispb)]
        if self._settings.nats.url:
            permissions = json.dumps(institution_permissions(ispb, consumers))
            note = f"NATS: one user serves all institutions here; {ispb} could have one of its own"
            return [f"{note}, with the permissions {permissions}"]
        if self._nats_users.get(ispb) != consumers:
            self._nats_users[ispb] = consumers
            await self._reload_nats()
        return []

    async def expel_from_nats(self, ispb: str) -> list[str]:
        """End the institution's user and its connections. As `admit_to_nats`."""
        if self._settings.nats.url:
            return [f"NATS: if {ispb} has a user of its own, let its administrator delete it"]
        if self._nats_users.pop(ispb, None) is not None:
            await self._reload_nats()
        return []

    async def _reload_nats(self) -> None:
        try:
            await reload_nats(self._directory, self._nats_users)
        except trio.TooSlowError:
            raise Unavailable("nats", "not everybody can log in since its users changed") from None
