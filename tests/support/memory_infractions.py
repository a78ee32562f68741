"""`ports.infractions.Infractions` in memory, and the fraud desk of a provider that remembers."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import trio

from fluxiq.domain.infraction import OVER, Infraction, InfractionStage, InfractionStatus
from fluxiq.domain.med import ANALYSED, DECIDED, MedReport, MedStage
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ports.fraud_desk import FraudDesk
from fluxiq.ports.infractions import InfractionMoved, Infractions
from tests.support.memory import MemoryStore
from tests.support.memory_med import MemoryMed
from tests.support.memory_refunds import MemoryRefunds

_TOLD = {*DECIDED, MedStage.RETURN_FAILED}
_GOES_ON = {MedStage.CREATED, *ANALYSED}


class MemoryInfractions:
    """`by_id` is the table; `notes` the audit trail's."""

    def __init__(self, store: MemoryStore, med: MemoryMed) -> None:
        self.by_id: dict[str, Infraction] = {}
        self.notes: list[str] = []
        self._store, self._med = store, med

    async def hear(self, infraction: Infraction, inbox_id: str) -> Infraction:
        await trio.lowlevel.checkpoint()
        self._store._done([inbox_id])
        named = (infraction.provider, infraction.number)
        for known in self.by_id.values():
            if (known.provider, known.number) == named:
                return self._again(known, infraction)
        self.by_id[infraction.id] = infraction
        return infraction

    async def move(self, moved: InfractionMoved) -> bool:
        await trio.lowlevel.checkpoint()
        before, known = moved.before, self.by_id[moved.infraction.id]
        as_read = (before.stage, before.told, before.in_doubt)
        if (known.stage, known.told, known.in_doubt) != as_read:
            return False
        self.by_id[known.id] = moved.infraction
        if moved.note:
            self.notes.append(moved.note)
        return True

    async def adopt(self, infraction: Infraction, report_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        report = self._med.by_id.get(report_id)
        if report is None or report.infraction_id not in {None, infraction.id}:
            return False
        self._med.by_id[report_id] = msgspec.structs.replace(report, infraction_id=infraction.id)
        return True

    async def find(self, ids: Sequence[str]) -> dict[str, Infraction]:
        await trio.lowlevel.checkpoint()
        return {one: self.by_id[one] for one in ids if one in self.by_id}

    async def due(self, now: datetime, limit: int) -> Sequence[Infraction]:
        await trio.lowlevel.checkpoint()
        found = [one for one in self.by_id.values() if one.due_at <= now and self._is_owed(one)]
        return sorted(found, key=lambda one: one.due_at)[:limit]

    def _again(self, known: Infraction, said: Infraction) -> Infraction:
        if said.stage is not InfractionStage.WITHDRAWN or known.told in OVER:
            return known
        after = msgspec.structs.replace(
            known,
            stage=said.stage,
            told=said.told,
            in_doubt=False,
            updated_at=said.updated_at,
            due_at=said.due_at,
        )
        self.by_id[known.id] = after
        return after

    def _is_owed(self, infraction: Infraction) -> bool:
        report = self._report_of(infraction)
        if infraction.told in OVER:
            return (
                infraction.stage is InfractionStage.WITHDRAWN
                and report is not None
                and report.stage in _GOES_ON
                and report.opened_by == infraction.provider
            )
        if infraction.stage in {InfractionStage.HEARD, InfractionStage.DISMISSED}:
            return True
        return report is not None and (
            report.stage in _TOLD
            or (report.stage is MedStage.ACKNOWLEDGED and infraction.told is InfractionStatus.OPEN)
        )

    def _report_of(self, infraction: Infraction) -> MedReport | None:
        found = [one for one in self._med.by_id.values() if one.infraction_id == infraction.id]
        return found[0] if found else None


class MemoryFraudDesk:
    """What a provider remembers of infractions, by number: `standing`; `told` is every word that
    reached it, again and again.
    """

    def __init__(self) -> None:
        self.standing: dict[str, InfractionStatus] = {}
        self.told: list[str] = []

    async def acknowledge_infraction(self, number: str) -> InfractionStatus | None:
        return await self._tell(number, InfractionStatus.ACKNOWLEDGED)

    async def close_infraction(self, number: str, *, agreed: bool) -> InfractionStatus | None:
        result = InfractionStatus.AGREED if agreed else InfractionStatus.DISAGREED
        return await self._tell(number, result)

    async def find_infraction(self, number: str) -> InfractionStatus | None:
        await trio.lowlevel.checkpoint()
        return self.standing.get(number)

    async def _tell(self, number: str, word: InfractionStatus) -> InfractionStatus | None:
        await trio.lowlevel.checkpoint()
        self.told.append(word)
        if number not in self.standing:
            return None
        if self.standing[number] not in OVER:
            self.standing[number] = word
        return self.standing[number]


def no_infractions(ispb: str) -> MemoryInfractions:
    """For worlds whose provider reports nothing."""
    store = MemoryStore(ispb, ModelLedger(1))
    return MemoryInfractions(store, MemoryMed(store, MemoryRefunds(store)))


def keep_their_promises(
    infractions: MemoryInfractions, desk: MemoryFraudDesk
) -> tuple[Infractions, FraudDesk]:
    """The twins are ports: said here so that the type checker looks."""
    return infractions, desk
