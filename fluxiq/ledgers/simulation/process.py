"""A simulated process: the real breaker, and the real writer of each institution."""

from collections.abc import Mapping, Sequence

import trio

from fluxiq.ledgers.breaker import Breaker, BreakerLimits
from fluxiq.ledgers.simulation.institution import Institution
from fluxiq.ledgers.simulation.postgres import (
    Connection,
    Postgres,
    SimulatedAccounts,
    SimulatedJournal,
    SimulatedMirror,
    SimulatedStandIn,
)
from fluxiq.ledgers.simulation.tigerbeetle import Server, SimulatedTigerBeetle
from fluxiq.ledgers.simulation.world import World
from fluxiq.ledgers.writer import BreakerKeeper, Writer

# Everything ten times as fast as in production, so that a short life holds several outages.
LIMITS = BreakerLimits(
    suspect_seconds_max=1.5,
    open_seconds=1.0,
    open_seconds_max=4.0,
    probes=2,
    probe_seconds=0.2,
)
RESTART_SECONDS_MAX = 1.0


class Process:
    """`writers` by ledger code. Until `is_current` ends, a writer that another process fenced is
    started again; afterwards this is a zombie, and it ends.
    """

    def __init__(
        self,
        world: World,
        number: int,
        institutions: Sequence[Institution],
        server: Server,
        postgres: Postgres,
    ) -> None:
        self.world = world
        self.name = f"process {number}"
        self.is_current = True
        self.institutions = institutions
        self.server = server
        self.postgres = postgres
        self.scope = trio.CancelScope()
        probe = SimulatedTigerBeetle(server, self.name).probe
        self.keeper = BreakerKeeper(
            probe, draw=world.random.random, limits=LIMITS, on_change=self._changed
        )
        self.writers: Mapping[int, Writer] = {one.ledger: self._writer(one) for one in institutions}

    async def run(self) -> None:
        self.world.note(self.name, "started")
        with self.scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.keeper.run)
                for institution in self.institutions:
                    nursery.start_soon(self._keep, institution)
        self.world.note(self.name, "ended")

    async def _keep(self, institution: Institution) -> None:
        while True:
            writer = self.writers[institution.ledger]
            await writer.run()
            self.world.note(self.name, "fenced-out", institution.name)
            if not self.is_current:
                return
            await trio.sleep(self.world.seconds(0.0, RESTART_SECONDS_MAX))
            self.writers = {**self.writers, institution.ledger: self._writer(institution)}

    def _writer(self, institution: Institution) -> Writer:
        place = f"{self.name}, {institution.name}"
        connection = Connection(self.postgres, institution.database, place)
        return Writer(
            str(institution.ledger),
            institution.ledger,
            journal=SimulatedJournal(
                connection, self.server, institution.ledger, institution.unmirrored_max
            ),
            mirror=SimulatedMirror(connection),
            standin=SimulatedStandIn(connection),
            accounts=SimulatedAccounts(connection),
            tigerbeetle=SimulatedTigerBeetle(self.server, place),
            breaker=self.keeper,
            policy=institution.policy,
            limits=institution.limits,
            house=frozenset({institution.settlement}),
        )

    def _changed(self, before: Breaker, after: Breaker) -> None:
        what = f"{before.state}->{after.state}"
        self.world.note(f"{self.name}, breaker", what, after.reason)
