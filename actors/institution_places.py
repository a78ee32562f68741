"""Where an institution has something: the four places that are made for it, and unmade, in order.

Its secrets are none of them: passwords, the pepper of its API keys and what it shares with a
provider are derived from the master key, and open nothing once role, users and branch are gone. The
keys of its seals are made by its branch and kept with its records, which they alone make readable.
"""

from collections.abc import Sequence
from typing import Final

import trio
from redis.exceptions import NoPermissionError, ResponseError

from actors.admin.scope import INSTITUTIONS
from actors.embedded.valkey import LATER_COMMANDS
from actors.institution_register import InstitutionRegister
from actors.platform import Platform, PlatformLinks
from actors.queues import (
    ACK_SECONDS,
    DELIVERIES_MAX,
    LEDGER_STREAM,
    STREAM,
    UNSETTLED_MAX,
    consumers_of,
    ledger_consumer,
    ledger_subject,
)
from fluxiq.bus import Bus
from fluxiq.errors import Unavailable
from fluxiq.ports.institutions import Place
from fluxiq.settings import Institution, Settings
from fluxiq.stores.provision import provision_institution, role_of
from fluxiq.stores.provision_end import erase_institution, revoke_institution
from supervisors import Tree

SIMULATOR: Final = "root/gateway/simulator"
BRANCH_SECONDS_MAX: Final = 20.0  # from the start of a branch until its desk is open


def server_places(platform: Platform, links: PlatformLinks) -> list[Place]:
    """Those that exist without a tree, in the order in which they are made."""
    return [
        _PostgresPlace(platform, links),
        _RedisPlace(platform, links),
        _NatsPlace(platform, links.bus),
    ]


def every_place(platform: Platform, tree: Tree) -> list[Place]:
    """All of them; the branch is the last made, and the first unmade. Raises Unavailable."""
    links = platform.links.get()
    return [*server_places(platform, links), BranchPlace(platform, tree)]


class DeclaredPlace(Place):
    """In place of a branch, before there is a tree: it will start with the others, or not."""

    name = "register"

    def __init__(self, register: InstitutionRegister) -> None:
        self._register = register

    async def make(self, one: Institution) -> Sequence[str]:
        self._register.declare(one)
        return ()

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        del erase
        self._register.forget(one.ispb)
        return ()


class _PostgresPlace(Place):
    name = "PostgreSQL"

    def __init__(self, platform: Platform, links: PlatformLinks) -> None:
        self._servers = platform.servers
        self._admin = links.postgres

    async def make(self, one: Institution) -> Sequence[str]:
        password = self._servers.postgres_password(one.ispb)
        await provision_institution(self._admin, one.ispb, one.name, one.ledger, password)
        return ()

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        if erase and await erase_institution(self._admin, one.ispb):
            return ()
        await revoke_institution(self._admin, one.ispb)
        return (f"PostgreSQL: the schema {role_of(one.ispb)} is kept; its role logs in no more",)


class _RedisPlace(Place):
    name = "Redis"

    def __init__(self, platform: Platform, links: PlatformLinks) -> None:
        self._servers = platform.servers
        self._cache = links.cache

    async def make(self, one: Institution) -> Sequence[str]:
        return await self._administer(self._servers.redis_commands(one.ispb))

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        del erase
        notes = await self._administer(self._servers.redis_removal(one.ispb))
        return (*notes, f"Redis: keys fluxiq:{one.ispb}:* expire by themselves, settings apart")

    async def _administer(self, commands: Sequence[Sequence[str]]) -> Sequence[str]:
        """Run them; where this user may not, they are what an administrator has to run."""
        for place, command in enumerate(commands):
            try:
                await self._cache.administer(*command)
            except NoPermissionError:
                words = "; ".join(" ".join(one) for one in commands[place:])
                return (f"Redis: this user may not; let an administrator run: {words}",)
            except ResponseError as error:
                if command[-1] not in LATER_COMMANDS or "Unknown command" not in str(error):
                    raise  # else: what the server does not have, nobody can be kept from
        return ()


class _NatsPlace(Place):
    name = "NATS"

    def __init__(self, platform: Platform, bus: Bus) -> None:
        self._settings = platform.settings
        self._servers = platform.servers
        self._bus = bus

    async def make(self, one: Institution) -> Sequence[str]:
        await ensure_consumers(self._bus, self._settings, one.ispb)
        return await self._servers.admit_to_nats(one.ispb)

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        del erase
        notes = await self._servers.expel_from_nats(one.ispb)
        names = [name for name, _ in consumers_of(self._settings, one.ispb)]
        for name in names:
            await self._bus.remove_consumer(STREAM, name)
        await self._bus.remove_consumer(LEDGER_STREAM, ledger_consumer(one.ispb))
        # The outbox is the truth, and empty by now: these are copies.
        for stream in (STREAM, LEDGER_STREAM):
            await self._bus.purge(stream, f"{stream}.{one.ispb}.>")
        return notes


class BranchPlace(DeclaredPlace):
    """The branch in the live tree. A simulator of ours is told of whom it serves by a restart."""

    name = "branch"

    def __init__(self, platform: Platform, tree: Tree) -> None:
        super().__init__(platform.register)
        self._platform = platform
        self._tree = tree

    async def make(self, one: Institution) -> Sequence[str]:
        await super().make(one)
        if self._has(f"{INSTITUTIONS}/{one.ispb}"):
            return ()
        if any(not link.url for link in one.providers) and self._has(SIMULATOR):
            await self._tree.restart_child(SIMULATOR, reason=f"{one.ispb} is a customer of it")
        with trio.move_on_after(BRANCH_SECONDS_MAX) as limit:
            await self._tree.start_child(INSTITUTIONS, one.ispb, reason="the institution is added")
        if limit.cancelled_caught:
            raise Unavailable("branch", f"was not ready within {BRANCH_SECONDS_MAX:g} s")
        return ()

    async def unmake(self, one: Institution, *, erase: bool) -> Sequence[str]:
        path = f"{INSTITUTIONS}/{one.ispb}"
        if self._has(path):
            await self._tree.stop_child(path, reason="the institution is removed")
        return await super().unmake(one, erase=erase)

    def _has(self, path: str) -> bool:
        return self._tree.snapshot().find(path) is not None


async def ensure_consumers(bus: Bus, settings: Settings, ispb: str) -> None:
    """The durable consumers by which an institution's workers read."""
    await bus.ensure_consumer(
        LEDGER_STREAM, ledger_consumer(ispb), ledger_subject(ispb), ack_wait=ACK_SECONDS
    )
    for consumer, subject in consumers_of(settings, ispb):
        await bus.ensure_consumer(
            STREAM,
            consumer,
            subject,
            ack_wait=ACK_SECONDS,
            max_deliver=DELIVERIES_MAX,
            max_ack_pending=UNSETTLED_MAX,
        )
