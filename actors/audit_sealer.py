"""The sealer of an institution's audit trail, and the taking in of what operators did.

Every few seconds what waits is sealed (`fluxiq.services.seal_audit`) and the witness is told. An
outage is weather: the trail waits, and `audit verify` says for how long.
"""

import structlog
import trio

from actors.admin.book import DeedBook, take_in_deeds
from actors.branch import Branch
from actors.stopping import WORKFLOWS
from actors.weather import Weather
from fluxiq.bus.checkpoints import JetStreamWitness
from fluxiq.domain.audit import START
from fluxiq.errors import Refused, Unavailable, Unknown
from fluxiq.services.seal_audit import seal_waiting, tell_witness
from supervisors import ChildSpec, Context

_log = structlog.get_logger("audit")


def audit_sealer(branch: Branch) -> ChildSpec:
    async def start(context: Context) -> None:
        weather, sealer = Weather(context.path), _Sealer(branch)
        context.ready()
        while True:
            await context.turn()
            try:
                await sealer.go()
                weather.cleared()
            except (Unavailable, Unknown) as error:
                await weather.ride_out(error)
                continue
            await trio.sleep(branch.platform.settings.audit.seal_seconds)

    return ChildSpec(id="audit_sealer", start=start, phase=WORKFLOWS)


class _Sealer:
    """What is remembered between rounds: that an alarm was raised."""

    def __init__(self, branch: Branch) -> None:
        self._branch = branch
        self._alarmed = False
        self._book = DeedBook(branch.platform.deed_book_path)

    async def go(self) -> None:
        branch, ispb = self._branch, self._branch.ispb
        tenant, bus = branch.tenant.get(), branch.links.get().bus
        await take_in_deeds(tenant.audit_chain, self._book, ispb)
        try:
            made = await seal_waiting(tenant.audit_chain, ispb, tenant.audit_key, tenant.clock)
        except Refused as error:
            self._alarm(error)
        else:
            self._alarmed = False
            branch.metrics.audit_sealed.labels(ispb).inc(sum(seal.count for seal in made))
        await tell_witness(tenant.audit_chain, JetStreamWitness(bus, ispb))
        await self._show_waiting()

    def _alarm(self, error: Refused) -> None:
        """Once: the trail goes on, unsealed, until a person has looked."""
        if not self._alarmed:
            _log.error("audit_not_sealed", institution=self._branch.ispb, error=str(error))
        self._alarmed = True

    async def _show_waiting(self) -> None:
        tenant, metrics = self._branch.tenant.get(), self._branch.metrics
        head = await tenant.audit_chain.head()
        waiting = await tenant.audit_chain.waiting(START if head is None else head.last)
        now = tenant.clock.now()
        age = 0.0 if waiting.oldest is None else max(0.0, (now - waiting.oldest).total_seconds())
        metrics.audit_unsealed_seconds.labels(self._branch.ispb).set(age)
