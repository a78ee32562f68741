"""Fees on a real PostgreSQL: what was agreed, what was kept, and the proof that both agree."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import postings
from fluxiq.domain.fee import NO_FEE, AgreedFee, FeePlan
from fluxiq.domain.records import ApiKey, InboxEntry, Receipt
from fluxiq.domain.statement import LineKind, Period
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.ports import Enrollment, Page
from fluxiq.ports.fees import Booked, FeeBucket, FeesWanted, FeeTotal
from fluxiq.stores.fees import PostgresFees
from fluxiq.stores.pool import Postgres
from fluxiq.stores.statements import PostgresStatements
from fluxiq.stores.store import PostgresStore
from tests.support.seals import keyring
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    NOW,
    account,
    at,
    charge,
    charge_opening,
    event,
    fetch,
    merchant,
    notice_recorded,
    open_store,
    pix_key,
    receipt,
    receipt_archived,
)

LEDGER = 1
CUSTOMER = account().ledger_id
PLAN = FeePlan(fixed=10, basis_points=99, minimum=1, maximum=5_00)
OTHER_MERCHANT = "mch_00000000000000000000000002"
FIRST = Page(number=1, size=10)


class House:
    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        self.store = store
        self.postgres = postgres
        self.fees = PostgresFees(postgres, ISPB, keyring(ISPB))
        self.ledger = PostgresLedger(postgres, LEDGER)

    async def agree(self, plan: FeePlan, **said: Any) -> AgreedFee | None:
        """The version after what there is; None where another one came first."""
        known = await self.fees.agreed(MERCHANT, 1)
        before = known[0] if known else None
        made = agreed(plan, version=1 if before is None else before.version + 1, **said)
        told = await self.fees.agree(made, before, event("merchant.fee_changed"))
        return None if told is None else made

    async def receive(self, amount: int, fee: int, when: datetime = NOW) -> Receipt:
        made = receipt(amount=amount, fee=fee, received_at=when)
        name = made.end_to_end_id
        chain = (
            postings.pix_in_less_fee(ISPB, LEDGER, name, CUSTOMER, amount=amount, fee=fee)
            if fee
            else [postings.pix_in(ISPB, LEDGER, name, CUSTOMER, amount)]
        )
        await self.ledger.create_transfers(chain)
        await self.store.archive_receipts([receipt_archived(made)])
        return made


def agreed(plan: FeePlan, **said: Any) -> AgreedFee:
    made = AgreedFee(
        merchant_id=MERCHANT,
        version=1,
        plan=plan,
        valid_from=NOW,
        set_by="usr_1",
        reason="contract 17",
    )
    return msgspec.structs.replace(made, **said)


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        made = House(store, postgres)
        await made.ledger.create_accounts(
            [*postings.house_accounts(ISPB, LEDGER), postings.customer_account(CUSTOMER, LEDGER)]
        )
        yield made


async def plan_of(house: House, entry: InboxEntry) -> FeePlan:
    [context] = await house.store.receipt_contexts([entry])
    return context.fee


async def test_versions_come_back_as_they_were_agreed_the_last_first(house: House) -> None:
    assert await house.fees.agreed(MERCHANT, 10) == []

    first = await house.agree(PLAN)
    second = await house.agree(FeePlan(fixed=1), valid_from=at(60))

    assert await house.fees.agreed(MERCHANT, 10) == [second, first]
    assert await house.fees.agreed(MERCHANT, 1) == [second]
    assert await house.fees.agreed(OTHER_MERCHANT, 10) == []


async def test_of_two_that_follow_the_same_version_one_is_written_told_and_filed(
    house: House,
) -> None:
    first = agreed(PLAN)
    told = [await house.fees.agree(first, None, event("merchant.fee_changed")) for _ in range(2)]

    assert [one is not None for one in told] == [True, False]
    events = await fetch(
        house.postgres, "SELECT count(*) AS n FROM events WHERE type = 'merchant.fee_changed'"
    )
    lines = await fetch(
        house.postgres,
        "SELECT actor, note, merchant_id, before FROM audit_trail WHERE action = $1",
        "merchant.fee_changed",
    )
    assert events == [{"n": 1}]
    assert lines == [
        {"actor": "usr_1", "note": "contract 17", "merchant_id": MERCHANT, "before": b""}
    ]


async def test_the_next_version_is_filed_with_a_digest_of_the_one_before(house: House) -> None:
    await house.agree(PLAN)
    await house.agree(FeePlan(fixed=1))

    lines = await fetch(
        house.postgres,
        "SELECT digest, before FROM audit_trail WHERE action = $1 ORDER BY id",
        "merchant.fee_changed",
    )
    assert lines[1]["before"] == lines[0]["digest"]


async def test_nobody_changes_what_was_agreed(house: House) -> None:
    await house.agree(PLAN)
    for query in ("UPDATE agreed_fees SET fixed = 0", "DELETE FROM agreed_fees"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await fetch(house.postgres, query)


async def test_a_receipt_is_studied_with_the_plan_of_whoever_is_credited(house: House) -> None:
    other = account("acc_00000000000000000000000002")
    keys = [pix_key("mine@example.com", other.id)]
    await house.store.add_account(other, keys, event("account.created"))
    made = charge()
    await house.store.open_charge(charge_opening(made))
    by_charge = notice_recorded(txid=made.txid).entry
    by_key = notice_recorded(pix_key="mine@example.com").entry
    for_nobody = notice_recorded(pix_key="nobody@example.com").entry
    assert await plan_of(house, by_charge) == NO_FEE

    await house.agree(FeePlan(fixed=1))
    await house.agree(PLAN)

    assert [await plan_of(house, one) for one in (by_charge, by_key)] == [PLAN, PLAN]
    assert await plan_of(house, for_nobody) == NO_FEE


async def test_a_paid_charge_and_its_receipt_keep_the_fee(house: House) -> None:
    made = charge(amount=100_00)
    await house.store.open_charge(charge_opening(made))
    paid = receipt(made, amount=100_00, fee=1_09)
    await house.store.archive_receipts([receipt_archived(paid)])

    found = await house.store.find_charge(made.id)
    assert found is not None
    assert (found.fee, found.end_to_end_id) == (1_09, paid.end_to_end_id)
    listed, total = await house.fees.charged(MERCHANT, FIRST)
    assert (listed, total) == ([paid], 1)


async def test_what_was_kept_is_summed_by_sao_paulos_days_and_months(house: House) -> None:
    late = datetime(2026, 4, 1, 2, 59, tzinfo=UTC)  # 23:59 on 31 March in São Paulo
    for amount, fee, when in (
        (100_00, 1_09, late),
        (50_00, 60, late - timedelta(hours=30)),
        (10_00, 20, late + timedelta(minutes=1)),
        (7_00, 0, late),
    ):
        await house.receive(amount, fee, when)

    async def totals(bucket: FeeBucket, until: date) -> list[FeeTotal]:
        return await house.fees.totals(
            FeesWanted(merchant_id=MERCHANT, bucket=bucket, since=date(2026, 3, 1), until=until)
        )

    assert await totals(FeeBucket.MONTH, date(2026, 4, 30)) == [
        FeeTotal(since=date(2026, 3, 1), payments=2, amount=150_00, fees=1_69),
        FeeTotal(since=date(2026, 4, 1), payments=1, amount=10_00, fees=20),
    ]
    assert await totals(FeeBucket.DAY, date(2026, 3, 31)) == [
        FeeTotal(since=date(2026, 3, 30), payments=1, amount=50_00, fees=60),
        FeeTotal(since=date(2026, 3, 31), payments=1, amount=100_00, fees=1_09),
    ]
    _, total = await house.fees.charged(MERCHANT, FIRST)
    assert total == 3


async def test_a_statement_has_the_fee_behind_its_receipt_and_names_the_payment(
    house: House,
) -> None:
    made = await house.receive(100_00, 1_09)
    statements = PostgresStatements(house.postgres, ISPB)
    head = await statements.head(CUSTOMER, Period())
    assert head is not None

    lines = await statements.movements(CUSTOMER, head, limit=10)

    assert [(one.kind, one.amount, one.running, one.reference) for one in lines] == [
        (LineKind.PIX_IN, 100_00, 100_00, made.id),
        (LineKind.FEE, -1_09, 98_91, made.id),
    ]
    assert head.closing_balance == 98_91


async def test_the_ledgers_copy_says_what_an_earlier_try_has_moved(house: House) -> None:
    made = await house.receive(100_00, 1_09)
    credit = postings.pix_in_id(ISPB, made.end_to_end_id)
    fee = postings.fee_id(ISPB, made.end_to_end_id)

    assert await house.fees.booked([credit, fee, 7]) == {
        credit: Booked(postings.TransferCode.PIX_IN, 100_00),
        fee: Booked(postings.TransferCode.FEE, 1_09),
    }


async def test_books_prove_when_record_and_ledger_have_the_same_fee(house: House) -> None:
    await house.receive(100_00, 1_09)
    await house.receive(5_00, 0)
    assert (await house.store.prove_books()).mismatches == ()


@pytest.mark.parametrize(("recorded", "booked"), [(0, 1_09), (1_09, 0), (1_08, 1_09)])
async def test_a_fee_that_only_one_of_record_and_ledger_has_is_a_mismatch(
    house: House, recorded: int, booked: int
) -> None:
    made = receipt(amount=100_00, fee=recorded)
    await house.store.archive_receipts([receipt_archived(made)])
    name = made.end_to_end_id
    await house.ledger.create_transfers(
        postings.pix_in_less_fee(ISPB, LEDGER, name, CUSTOMER, amount=100_00, fee=booked)
        if booked
        else [postings.pix_in(ISPB, LEDGER, name, CUSTOMER, 100_00)]
    )

    [wrong] = (await house.store.prove_books()).mismatches
    assert f"a fee of {booked} where the record has {recorded}" in wrong


async def test_a_fee_above_what_was_received_is_not_archived(house: House) -> None:
    made = receipt(amount=100, fee=101)
    with pytest.raises(asyncpg.CheckViolationError):
        await house.store.archive_receipts([receipt_archived(made)])


async def test_a_merchant_moves_in_with_what_everybody_pays(house: House) -> None:
    first = agreed(PLAN, merchant_id=OTHER_MERCHANT, set_by="platform", reason="")
    theirs = account("acc_00000000000000000000000009", merchant_id=OTHER_MERCHANT)
    await house.store.enroll(
        Enrollment(
            merchant=merchant(OTHER_MERCHANT),
            account=theirs,
            keys=[],
            event=event("account.created", merchant_id=OTHER_MERCHANT),
            api_key=ApiKey(
                id="key_1",
                merchant_id=OTHER_MERCHANT,
                name="first key",
                key_hash=b"a hash",
                permissions=("*",),
                created_at=NOW,
            ),
            refusal=b"{}",
            idempotency=None,
            fee=first,
        )
    )
    assert await house.fees.agreed(OTHER_MERCHANT, 10) == [first]
