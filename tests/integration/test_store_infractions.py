"""Infractions on a real PostgreSQL: each of a provider's once, answered by one report."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.infraction import Infraction, InfractionStage, InfractionStatus
from fluxiq.domain.med import MedReason, MedReport, MedStage
from fluxiq.domain.records import PayoutStage, Refund, RefundReason
from fluxiq.ports import Archived, Fresh
from fluxiq.ports.infractions import InfractionMoved
from fluxiq.ports.med import MedExists, MedMoved, MedOpening
from fluxiq.stores.infractions import PostgresInfractions
from fluxiq.stores.med import PostgresMed
from fluxiq.stores.pool import Postgres
from fluxiq.stores.refunds import PostgresRefunds
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    at,
    event,
    fetch,
    new_end_to_end_id,
    new_id,
    notice_recorded,
    open_store,
    receipt,
    receipt_archived,
)

S, T = InfractionStage, InfractionStatus


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.infractions = PostgresInfractions(postgres, ISPB, keyring(ISPB))
        self.med = PostgresMed(postgres, ISPB, keyring(ISPB))
        self.refunds = PostgresRefunds(postgres, ISPB, keyring(ISPB))

    async def inbox(self) -> str:
        """A line of the visitors' book that is open, and announced."""
        recorded = notice_recorded()
        await self.store.record_notices([recorded])
        return recorded.entry.id

    async def hear(self, said: Infraction) -> Infraction:
        return await self.infractions.hear(said, await self.inbox())

    async def reported(self, **said: Any) -> tuple[Infraction, MedReport]:
        """An infraction, and the report that answers it."""
        heard = await self.hear(infraction())
        made = await self.report(infraction_id=heard.id, **said)
        assert await self.med.open(MedOpening(report=made, idempotency=None)) == Fresh()
        after = msgspec.structs.replace(heard, stage=S.REPORTED)
        assert await self.infractions.move(InfractionMoved(infraction=after, before=heard))
        return after, made

    async def report(self, **said: Any) -> MedReport:
        """About a receipt of its own; not on paper yet."""
        received = receipt()
        await self.store.archive_receipts([receipt_archived(received)])
        made = MedReport(
            id=new_id("med"),
            merchant_id=MERCHANT,
            account_id=ACCOUNT,
            end_to_end_id=received.end_to_end_id,
            amount=received.amount,
            reason=MedReason.SCAM,
            details="",
            stage=MedStage.CREATED,
            opened_by="simulator",
            asked_by=MERCHANT,
            created_at=NOW,
            updated_at=NOW,
        )
        return msgspec.structs.replace(made, **said)

    async def walk(self, report: MedReport, *stages: MedStage) -> MedReport:
        known = report
        for stage in stages:
            after = msgspec.structs.replace(
                known, stage=stage, blocked_until=at(60), blocked_amount=500, attempt=1
            )
            moved = MedMoved(report=after, before=known, actor="key_1")
            assert await self.med.move(moved) is not None
            known = after
        return known

    async def due(self, seconds: float = 0) -> list[str]:
        return [one.id for one in await self.infractions.due(at(seconds), 10)]

    async def count(self, table: str, where: str) -> int:
        [row] = await fetch(self.postgres, f"SELECT count(*) AS n FROM {table} WHERE {where}")
        found: int = row["n"]
        return found


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield House(store, postgres)


def infraction(**said: Any) -> Infraction:
    made = Infraction(
        id=new_id("inf"),
        provider="simulator",
        number=new_id("report"),
        end_to_end_id=new_end_to_end_id(),
        reason=MedReason.SCAM,
        details="they say",
        stage=S.HEARD,
        created_at=NOW,
        updated_at=NOW,
        due_at=NOW,
    )
    return msgspec.structs.replace(made, **said)


def withdrawal(of: Infraction) -> Infraction:
    return msgspec.structs.replace(
        of, id=new_id("inf"), stage=S.WITHDRAWN, told=T.CANCELLED, updated_at=at(5), due_at=at(5)
    )


async def test_what_was_heard_is_on_paper_and_its_notice_is_done(house: House) -> None:
    said, inbox_id = infraction(), await house.inbox()
    assert await house.infractions.hear(said, inbox_id) == said
    assert await house.count("inbox", f"id = '{inbox_id}' AND done_at IS NULL") == 0
    assert await house.count("outbox", f"work = '{inbox_id}'") == 0
    assert await house.count("audit_trail", "action = 'infraction.heard'") == 1


async def test_what_is_said_of_people_is_sealed(house: House) -> None:
    said = await house.hear(infraction(details="Fulano de Tal"))
    assert await house.count("infractions", r"position('Fulano'::bytea IN details) > 0") == 0
    assert (await house.hear(said)).details == "Fulano de Tal"


async def test_of_twenty_who_hear_it_at_once_one_writes_it_and_all_know_it(house: House) -> None:
    said, known = infraction(), []

    async def hear() -> None:
        known.append(await house.hear(msgspec.structs.replace(said, id=new_id("inf"))))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(hear)
    assert len({one.id for one in known}) == 1
    assert await house.count("audit_trail", "action = 'infraction.heard'") == 1
    assert await house.count("audit_trail", "action = 'infraction.ignored'") == 19
    assert await house.count("inbox", "done_at IS NULL") == 0


async def test_they_are_found_by_their_ids(house: House) -> None:
    one, other = [await house.hear(infraction()) for _ in range(2)]
    assert await house.infractions.find([one.id, "inf_nothing"]) == {one.id: one}
    assert await house.infractions.find([]) == {}
    assert set(await house.infractions.find([one.id, other.id])) == {one.id, other.id}


async def test_a_withdrawal_turns_what_was_heard_and_comes_first_as_well(house: House) -> None:
    heard = await house.hear(infraction())
    after = await house.hear(withdrawal(heard))
    assert (after.id, after.stage, after.told) == (heard.id, S.WITHDRAWN, T.CANCELLED)

    other = infraction()
    first = await house.hear(withdrawal(other))
    assert await house.hear(other) == first


async def test_what_is_over_is_withdrawn_no_more(house: House) -> None:
    heard = await house.hear(infraction())
    told = msgspec.structs.replace(heard, stage=S.DISMISSED, told=T.DISAGREED)
    assert await house.infractions.move(InfractionMoved(infraction=told, before=heard))
    assert await house.hear(withdrawal(heard)) == told
    assert await house.count("audit_trail", "action = 'infraction.told_disagreed'") == 1


async def test_of_ten_who_move_it_at_once_one_does(house: House) -> None:
    heard, moved = await house.hear(infraction()), []
    after = msgspec.structs.replace(heard, stage=S.DISMISSED)

    async def move() -> None:
        made = InfractionMoved(infraction=after, before=heard, note="payment_not_found")
        moved.append(await house.infractions.move(made))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(move)
    assert moved.count(True) == 1
    assert await house.count("audit_trail", "note = 'payment_not_found'") == 1


async def test_an_infraction_has_one_report_and_a_report_one_infraction(house: House) -> None:
    answered, made = await house.reported()
    assert await house.med.find_of_infraction(answered.id) == made
    assert await house.med.find_of_infraction("inf_nothing") is None

    again = await house.report(infraction_id=answered.id)
    opening = MedOpening(report=again, idempotency=None)
    assert await house.med.open(opening) == MedExists(made.id)

    other = await house.hear(infraction())
    assert not await house.infractions.adopt(other, made.id)
    assert not await house.infractions.adopt(other, "med_nothing")
    alone = await house.report()
    await house.med.open(MedOpening(report=alone, idempotency=None))
    for _ in range(2):
        assert await house.infractions.adopt(other, alone.id)
    assert await house.med.find_of_infraction(other.id) is not None
    assert await house.count("audit_trail", "action = 'med.adopted'") == 1


async def test_those_are_due_whose_payment_is_awaited_or_whose_provider_is_owed(
    house: House,
) -> None:
    heard = await house.hear(infraction(due_at=at(10)))
    assert await house.due(9) == []
    assert await house.due(10) == [heard.id]
    dismissed = msgspec.structs.replace(heard, stage=S.DISMISSED)
    await house.infractions.move(InfractionMoved(infraction=dismissed, before=heard))
    assert await house.due(10) == [heard.id]

    answered, made = await house.reported()
    assert await house.due() == []
    acknowledged = await house.walk(made, MedStage.OPEN, MedStage.ACKNOWLEDGED)
    assert await house.due() == [answered.id]
    told = msgspec.structs.replace(answered, told=T.ACKNOWLEDGED)
    await house.infractions.move(InfractionMoved(infraction=told, before=answered))
    assert await house.due() == []
    await house.walk(acknowledged, MedStage.DISAGREED)
    assert await house.due() == [answered.id]
    over = msgspec.structs.replace(told, told=T.DISAGREED)
    await house.infractions.move(InfractionMoved(infraction=over, before=told))
    assert await house.due() == []


async def test_what_was_withdrawn_is_due_until_its_report_is_decided(house: House) -> None:
    answered, made = await house.reported()
    await house.hear(withdrawal(answered))
    assert await house.due(5) == [answered.id]
    opened = await house.walk(made, MedStage.OPEN)
    assert await house.due(5) == [answered.id]
    await house.walk(opened, MedStage.CANCELLED)
    assert await house.due(5) == []


async def test_a_return_that_was_rejected_is_found_until_its_report_says_so(house: House) -> None:
    _, made = await house.reported()
    acknowledged = await house.walk(made, MedStage.OPEN, MedStage.ACKNOWLEDGED)
    refund = Refund(
        id=new_id("ref"),
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        end_to_end_id=made.end_to_end_id,
        return_id=f"D{ISPB}20260304120000000000002",
        charge_id=None,
        amount=500,
        reason=RefundReason.FRAUD,
        description="MED",
        stage=PayoutStage.CREATED,
        created_at=NOW,
        updated_at=NOW,
        med_report_id=made.id,
    )
    agreed = msgspec.structs.replace(
        acknowledged,
        stage=MedStage.AGREED,
        refund_id=refund.id,
        return_id=refund.return_id,
        returned_amount=500,
    )
    settled = msgspec.structs.replace(agreed, settled_at=at(3))
    for before, after in ((acknowledged, agreed), (agreed, settled)):
        moved = MedMoved(report=after, before=before, actor="key_1")
        assert await house.med.move(moved) == Archived()
    await house.med.open_refund(made, refund)
    await fetch(
        house.postgres,
        "UPDATE refunds SET stage = 'failed', failure_code = 'rejected' WHERE id = $1",
        refund.id,
    )

    assert await house.med.rejected_returns(NOW, 10) == []
    [found] = await house.med.rejected_returns(at(1), 10)
    assert (found.id, found.med_report_id) == (refund.id, made.id)

    failed = msgspec.structs.replace(
        settled,
        stage=MedStage.RETURN_FAILED,
        failed_refund_id=refund.id,
        refund_id=None,
        return_id=None,
        returned_amount=0,
        settled_at=None,
    )
    told = MedMoved(
        report=failed, before=settled, actor="platform", event=event("pix.med.return_failed")
    )
    assert await house.med.move(told) == Archived()
    assert await house.med.rejected_returns(at(1), 10) == []
    assert await house.med.unfinished(at(9), 10) == []
    assert await house.med.overdue(at(999), 10) == []
    assert await house.med.find(made.id) == failed

    beside = msgspec.structs.replace(made, id=new_id("med"), infraction_id=None)
    assert await house.med.open(MedOpening(report=beside, idempotency=None)) == Fresh()
