"""Fraud reports on a real PostgreSQL: one per payment, moved on by one hand at a time."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.med import MedReason, MedReport, MedStage
from fluxiq.domain.records import PayoutStage, Refund, RefundReason
from fluxiq.ports import Archived, Differs, Fresh, Idempotency, Page, Replay, Running
from fluxiq.ports.med import MedExists, MedMoved, MedOpening, MedWanted
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
    idempotency,
    new_id,
    open_store,
    receipt,
    receipt_archived,
)

ALL = Page(number=1, size=100)
RETURN_ID = f"D{ISPB}20260304120000000000001"


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store, self.postgres = store, postgres
        self.med = PostgresMed(postgres, ISPB, keyring(ISPB))
        self.refunds = PostgresRefunds(postgres, ISPB, keyring(ISPB))

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
            reason=MedReason.COERCION,
            details="at the door",
            stage=MedStage.CREATED,
            opened_by="key_1",
            asked_by=MERCHANT,
            created_at=NOW,
            updated_at=NOW,
        )
        return msgspec.structs.replace(made, **said)

    async def opened(self, **said: Any) -> MedReport:
        made = await self.report(**said)
        assert await self.med.open(MedOpening(report=made, idempotency=None)) == Fresh()
        return made

    async def blocked(self) -> MedReport:
        made = await self.opened()
        after = changed(made, stage=MedStage.OPEN, attempt=1, blocked_amount=500)
        after = msgspec.structs.replace(after, blocked_until=at(60))
        assert await self.med.move(moved(made, after)) is not None
        return after

    async def count(self, table: str, where: str) -> int:
        [row] = await fetch(self.postgres, f"SELECT count(*) AS n FROM {table} WHERE {where}")
        found: int = row["n"]
        return found


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        yield House(store, postgres)


def changed(report: MedReport, **said: Any) -> MedReport:
    return msgspec.structs.replace(report, **{"updated_at": at(5), **said})


def moved(before: MedReport, after: MedReport, **said: Any) -> MedMoved:
    return MedMoved(report=after, before=before, actor="key_2", **said)


def keyed(report: MedReport, under: Idempotency) -> MedOpening:
    return MedOpening(
        report=msgspec.structs.replace(report, idempotency_key=under.key), idempotency=under
    )


async def test_a_report_is_found_as_it_was_opened(house: House) -> None:
    made = await house.opened()
    assert await house.med.find(made.id) == made
    assert await house.med.find("med_nothing") is None
    assert await house.count("audit_trail", "action = 'med.created' AND actor = 'key_1'") == 1


async def test_of_twenty_reports_at_once_a_payment_has_one(house: House) -> None:
    made, answers = await house.report(), []

    async def report() -> None:
        other = msgspec.structs.replace(made, id=new_id("med"))
        answers.append(await house.med.open(keyed(other, idempotency())))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(report)
    [(found, *_)] = [(await house.med.page(MedWanted(), ALL))[0]]
    assert answers.count(Fresh()) == 1
    assert answers.count(MedExists(found.id)) == 19
    assert await house.count("idempotency_keys", "true") == 1, "the others' keys are free"


async def test_its_key_is_answered_when_its_money_is_blocked(house: House) -> None:
    under, made = idempotency("k"), await house.report()
    opening = keyed(made, under)
    assert await house.med.open(opening) == Fresh()
    assert await house.med.open(opening) == Running(made.id)
    other = Idempotency(key="k", digest=b"other")
    assert await house.med.open(keyed(made, other)) == Differs()

    after = changed(opening.report, stage=MedStage.OPEN, blocked_until=at(60))
    await house.med.move(moved(opening.report, after, response=b"blocked"))
    assert await house.med.open(opening) == Replay(refused=False, body=b"blocked")

    later = changed(after, stage=MedStage.ACKNOWLEDGED)
    await house.med.move(moved(after, later, response=b"another"))
    assert await house.med.open(opening) == Replay(refused=False, body=b"blocked")


async def test_of_ten_who_move_it_at_once_one_does_and_tells(house: House) -> None:
    made, answers = await house.blocked(), []

    async def cancel() -> None:
        after = changed(made, stage=MedStage.CANCELLED)
        answers.append(await house.med.move(moved(made, after, event=event("pix.med.cancelled"))))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(cancel)
    assert answers.count(Archived()) == 1
    assert answers.count(None) == 9
    assert await house.count("events", "type = 'pix.med.cancelled'") == 1
    assert await house.count("audit_trail", "action = 'med.cancelled'") == 1


async def test_an_attempt_that_was_numbered_meanwhile_is_not_numbered_again(house: House) -> None:
    made = await house.opened()
    first = changed(made, attempt=1, blocked_amount=500)
    assert await house.med.move(moved(made, first)) == Archived()
    assert await house.med.move(moved(made, changed(made, attempt=1))) is None
    assert await house.med.find(made.id) == first


async def test_settled_once_it_makes_room_for_another_report(house: House) -> None:
    made = await house.blocked()
    decided = changed(made, stage=MedStage.CANCELLED)
    settled = changed(decided, settled_at=at(9))
    await house.med.move(moved(made, decided))
    assert await house.med.move(moved(decided, settled)) == Archived()
    assert await house.med.move(moved(decided, settled)) is None
    assert await house.count("audit_trail", "action = 'med.settled'") == 1

    again = msgspec.structs.replace(made, id=new_id("med"), stage=MedStage.CREATED)
    again = msgspec.structs.replace(again, attempt=0, blocked_amount=0, blocked_until=None)
    assert await house.med.open(MedOpening(report=again, idempotency=None)) == Fresh()


async def test_its_refund_is_on_paper_once(house: House) -> None:
    made = await house.blocked()
    refund = Refund(
        id=new_id("ref"),
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        end_to_end_id=made.end_to_end_id,
        return_id=RETURN_ID,
        charge_id=None,
        amount=500,
        reason=RefundReason.FRAUD,
        description="MED",
        stage=PayoutStage.CREATED,
        created_at=NOW,
        updated_at=NOW,
        med_report_id=made.id,
    )
    for _ in range(2):
        await house.med.open_refund(made, refund)
    assert await house.refunds.find_refund(refund.id) == refund
    assert (
        await house.count("audit_trail", f"action = 'refund.created' AND note = '{made.id}'") == 1
    )


async def test_sweeps_find_what_is_theirs(house: House) -> None:
    new, analysed = await house.opened(), await house.blocked()
    open_one = await house.blocked()
    decided = changed(open_one, stage=MedStage.EXPIRED)
    await house.med.move(moved(open_one, decided))

    assert await house.med.unfinished(NOW, 10) == []
    assert await house.med.unfinished(at(6), 10) == [new, decided]
    assert await house.med.overdue(at(59), 10) == []
    assert await house.med.overdue(at(60), 10) == [analysed]


async def test_every_filter_narrows(house: House) -> None:
    first, second = await house.opened(), await house.blocked()
    for wanted, found in (
        (MedWanted(), {first.id, second.id}),
        (MedWanted(merchant_id=MERCHANT), {first.id, second.id}),
        (MedWanted(merchant_id="mch_other"), set()),
        (MedWanted(end_to_end_id=first.end_to_end_id), {first.id}),
        (MedWanted(stages=frozenset({MedStage.OPEN})), {second.id}),
    ):
        listed, total = await house.med.page(wanted, ALL)
        assert ({one.id for one in listed}, total) == (found, len(found)), wanted
