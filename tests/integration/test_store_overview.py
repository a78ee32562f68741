"""Searches, statistics and payers on a real PostgreSQL, against their twins in memory.

Both see the same records, so what SQL says is held against a few lines of Python that say the same.
"""

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.identifiers import new_ulid
from fluxiq.domain.records import (
    Account,
    Charge,
    Merchant,
    Payout,
    PayoutStage,
    Person,
    Receipt,
    Refund,
    RefundReason,
    Room,
)
from fluxiq.domain.statistics import Bucket, span_of
from fluxiq.domain.transfer import BookTransfer
from fluxiq.ports import Page
from fluxiq.ports.customers import CustomersWanted
from fluxiq.ports.jobs import NewJob
from fluxiq.ports.payment_search import FOUND_MAX, PaymentKind, PaymentRow, PaymentsWanted
from fluxiq.ports.refunds import RefundOpening
from fluxiq.ports.transfers import TransferOpening
from fluxiq.stores.customers import PostgresCustomers
from fluxiq.stores.jobs import PostgresJobs
from fluxiq.stores.payers import PostgresPayers
from fluxiq.stores.payment_search import PostgresPaymentSearch
from fluxiq.stores.pool import Postgres
from fluxiq.stores.refunds import PostgresRefunds
from fluxiq.stores.statistics import PostgresStatistics
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.transfers import PostgresTransfers
from tests.support.memory_overview import (
    MemoryCustomers,
    MemoryPayers,
    MemoryPaymentSearch,
    MemoryStatistics,
    Tables,
)
from tests.support.seals import keyring
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    account,
    at,
    charge,
    charge_opening,
    event,
    fetch,
    hold_settled,
    idempotency,
    merchant,
    new_id,
    notice_recorded,
    open_store,
    outcome_archived,
    payout,
    payout_opening,
    receipt,
    receipt_archived,
    step,
)
from tests.support.transfer_records import OTHER_ACCOUNT, transfer

OTHER = "mch_00000000000000000000000002"
ALL = Page(number=1, size=100)
ANA, BIA = Person(document="52998224725", name="Ana"), Person(document="39053344705", name="Bia")


class House:
    """An institution with two merchants, and the same records in memory."""

    def __init__(self, store: PostgresStore, postgres: Postgres) -> None:
        seals = postgres, ISPB, keyring(ISPB)
        self.store, self.postgres = store, postgres
        self.search = PostgresPaymentSearch(*seals)
        self.statistics = PostgresStatistics(postgres)
        self.payers, self.customers = PostgresPayers(*seals), PostgresCustomers(*seals)
        self.refunds, self.transfers = PostgresRefunds(*seals), PostgresTransfers(*seals)
        self.merchants: dict[str, Merchant] = {MERCHANT: merchant(), OTHER: merchant(OTHER)}
        self.accounts: dict[str, Account] = {ACCOUNT: account()}
        self.charges: dict[str, Charge] = {}
        self.payouts: dict[str, Payout] = {}
        self.receipts: dict[str, Receipt] = {}
        self.given_back: dict[str, Refund] = {}
        self.moved: dict[str, BookTransfer] = {}
        self.tables = Tables(
            merchants=self.merchants,
            accounts=self.accounts,
            api_keys={},
            users={},
            charges=self.charges,
            payouts=self.payouts,
            receipts=self.receipts,
            refunds=self.given_back,
            transfers=self.moved,
        )

    async def charge(self, *, paid_at: float | None = None, **said: Any) -> Charge:
        """A charge, paid by Ana `paid_at` seconds after the notice came."""
        made = charge(**said)
        await self.store.open_charge(charge_opening(made))
        if paid_at is not None:
            await self.receive(paid=made, amount=made.amount, took=paid_at)
        return await self._keep_charge(made.id)

    async def receive(
        self, *, paid: Charge | None = None, took: float = 0.5, **said: Any
    ) -> Receipt:
        made = receipt(paid, **{"payer": ANA, **said})
        archived = receipt_archived(made)
        walked = step(made.end_to_end_id, Room.ARCHIVE)
        left = made.received_at + timedelta(seconds=took)
        walked = type(walked)(walked.end_to_end_id, walked.room, made.received_at, left)
        archived = type(archived)(inbox_id="", receipt=made, event=archived.event, steps=(walked,))
        await self.store.archive_receipts([archived])
        self.receipts[made.end_to_end_id] = made
        return made

    async def payout(self, stage: PayoutStage = PayoutStage.CREATED, **said: Any) -> Payout:
        """It is held a second after NOW, and ends five seconds after."""
        made = payout(**said)
        await self.store.open_payout(payout_opening(made))
        if stage is not PayoutStage.CREATED:
            await self.store.settle_hold(hold_settled(made))
        if stage in {PayoutStage.SENT, PayoutStage.IN_DOUBT}:
            staged = "UPDATE payouts SET stage = $2 WHERE id = $1"
            await fetch(self.postgres, staged, made.id, stage)
        elif stage is not PayoutStage.CREATED:
            await self.store.archive_outcomes([outcome_archived(made, stage)])
        found = await self.store.find_payout(made.id)
        assert found is not None
        self.payouts[made.id] = found
        return found

    async def refund(self, of: Receipt, stage: PayoutStage = PayoutStage.CREATED) -> Refund:
        made = Refund(
            id=new_id("ref"),
            merchant_id=MERCHANT,
            account_id=ACCOUNT,
            end_to_end_id=of.end_to_end_id,
            return_id=f"D{of.end_to_end_id[1:]}",
            charge_id=of.charge_id,
            amount=1_00,
            reason=RefundReason.CUSTOMER,
            description="",
            stage=PayoutStage.CREATED,
            created_at=at(20),
            updated_at=at(20),
        )
        await self.refunds.open_refund(
            RefundOpening(refund=made, idempotency=idempotency(), steps=())
        )
        await fetch(self.postgres, "UPDATE refunds SET stage = $2 WHERE id = $1", made.id, stage)
        found = await self.refunds.find_refund(made.id)
        assert found is not None
        self.given_back[made.id] = found
        return found

    async def transfer(self, **said: Any) -> BookTransfer:
        made = transfer(**said)
        await self.transfers.open(TransferOpening(transfer=made, idempotency=idempotency()))
        self.moved[made.id] = made
        return made

    async def _keep_charge(self, charge_id: str) -> Charge:
        found = await self.store.find_charge(charge_id)
        assert found is not None
        self.charges[charge_id] = found
        return found


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with open_store(asyncio_host, institution_database) as (store, postgres):
        house = House(store, postgres)
        await store.add_merchant(merchant(OTHER))
        other = account(OTHER_ACCOUNT, merchant_id=OTHER)
        await store.add_account(other, [], event("account.created", merchant_id=OTHER))
        house.accounts[OTHER_ACCOUNT] = other
        yield house


async def lived_in(house: House) -> None:
    """Some of everything, of both merchants."""
    await house.charge(created_at=at(0), amount=10_00)
    await house.charge(created_at=at(1), amount=20_00, paid_at=2.0)
    await house.charge(created_at=at(2), amount=30_00, merchant_id=OTHER, account_id=OTHER_ACCOUNT)
    alone = await house.receive(amount=7_00, received_at=at(3), payer=BIA)
    nobodys = {"account_id": None, "merchant_id": None, "reason": "unidentified"}
    await house.receive(amount=8_00, received_at=at(4), **nobodys)
    for stage in (PayoutStage.CREATED, PayoutStage.CONFIRMED, PayoutStage.FAILED):
        await house.payout(stage, created_at=at(-3), amount=5_00)
    await house.payout(PayoutStage.IN_DOUBT, created_at=at(-4))
    await house.payout(PayoutStage.CONFIRMED, merchant_id=OTHER, account_id=OTHER_ACCOUNT)
    await house.refund(alone, PayoutStage.CONFIRMED)
    await house.transfer(created_at=at(6))


class TestSearch:
    @pytest.mark.parametrize(
        "wanted",
        [
            PaymentsWanted(),
            PaymentsWanted(kind=PaymentKind.RECEIPT),
            PaymentsWanted(status="paid"),
            PaymentsWanted(status="processing"),
            PaymentsWanted(status="unidentified"),
            PaymentsWanted(status="no such word"),
            PaymentsWanted(merchant_id=MERCHANT),
            PaymentsWanted(merchant_id=OTHER, kind=PaymentKind.PAYOUT),
            PaymentsWanted(account_id=OTHER_ACCOUNT),
            PaymentsWanted(amount_min=7_00, amount_max=10_00),
            PaymentsWanted(since=at(1), until=at(4)),
            PaymentsWanted(until=at(0), status="confirmed"),
            PaymentsWanted(merchant_id=MERCHANT, since=at(0), amount_max=10_00),
        ],
    )
    async def test_every_filter_finds_what_it_should(
        self, house: House, wanted: PaymentsWanted
    ) -> None:
        await lived_in(house)
        rows, total = await house.search.page(wanted, ALL)
        twins, twins_total = await MemoryPaymentSearch(house.tables).page(wanted, ALL)
        assert {row.id: row for row in rows} == {row.id: row for row in twins}
        assert (len(rows), total) == (len(twins), twins_total)

    @pytest.mark.parametrize(
        "wanted",
        [PaymentsWanted(), PaymentsWanted(merchant_id=MERCHANT), PaymentsWanted(since=at(-9))],
    )
    async def test_pages_do_not_overlap_and_leave_nothing_out(
        self, house: House, wanted: PaymentsWanted
    ) -> None:
        await lived_in(house)
        whole, total = await house.search.page(wanted, ALL)
        pages = [
            await house.search.page(wanted, Page(number=number, size=3))
            for number in range(1, len(whole) // 3 + 3)
        ]
        assert [row for rows, _ in pages for row in rows] == list(whole)
        assert {count for _, count in pages} == {total}

    async def test_the_newest_come_first_over_all_kinds(self, house: House) -> None:
        await lived_in(house)
        by_time, _ = await house.search.page(PaymentsWanted(since=at(-9)), ALL)
        assert all(newer.created_at >= older.created_at for newer, older in pairwise(by_time))
        by_id, _ = await house.search.page(PaymentsWanted(), ALL)
        assert all(newer.id[-26:] > older.id[-26:] for newer, older in pairwise(by_id))

    async def test_counting_ends_where_pages_do(self, house: House) -> None:
        await fetch(
            house.postgres,
            f"""
            INSERT INTO transfers (
                id, merchant_id, source_account_id, destination_account_id, idempotency_key,
                amount, description, stage, created_by, created_at, updated_at, metadata
            )
            SELECT 'xfer_' || lpad(n::text, 26, '0'), '{MERCHANT}', '{ACCOUNT}', '{OTHER_ACCOUNT}',
                n::text, 1, '', 'created', 'key_1', now(), now(), '{{}}'
            FROM generate_series(1, {FOUND_MAX + 1}) AS n
            """,
        )
        rows, total = await house.search.page(PaymentsWanted(), Page(number=500, size=20))
        assert (len(rows), total) == (20, FOUND_MAX)

    async def test_a_payment_is_found_by_each_of_its_names(self, house: House) -> None:
        await lived_in(house)
        paid = next(one for one in house.charges.values() if one.end_to_end_id)
        [back] = house.given_back.values()
        twin = MemoryPaymentSearch(house.tables)
        assert paid.end_to_end_id is not None
        for name in (
            paid.id,
            paid.txid,
            paid.end_to_end_id,
            back.id,
            back.return_id,
            back.end_to_end_id,
            *house.payouts,
            *house.moved,
            "nothing",
        ):
            found = await house.search.named([name])
            assert found == await twin.named([name]), name
            assert bool(found) is (name != "nothing")

    async def test_events_deliveries_and_requests_lead_to_their_payments(
        self, house: House
    ) -> None:
        made = payout()
        opening = payout_opening(made)
        await house.store.open_payout(opening)
        settled = hold_settled(made)
        await house.store.settle_hold(settled)
        event_id = settled.event.id
        await fetch(
            house.postgres,
            "UPDATE events SET reference = $2 WHERE id = $1",
            event_id,
            made.end_to_end_id,
        )
        names = await house.search.names_behind(event_id)
        assert made.end_to_end_id in names
        assert (await house.search.named(names))[0].id == made.id
        assert await house.search.names_behind("dlv_missing") == []
        assert await house.search.names_behind("req_not_ours") == []
        assert await house.search.names_behind(made.id) == [made.id]

    async def test_a_line_of_the_visitors_book_leads_to_its_receipt(self, house: House) -> None:
        noticed = notice_recorded()
        await house.store.record_notices([noticed])
        entry = noticed.entry
        made = receipt(end_to_end_id=entry.notice.end_to_end_id, received_at=entry.received_at)
        walked = step(made.end_to_end_id, Room.POST_ROOM, detail=entry.id)
        archived = receipt_archived(made, entry.id)
        await house.store.archive_receipts(
            [type(archived)(inbox_id=entry.id, receipt=made, event=None, steps=(walked,))]
        )
        await house.receive(received_at=entry.received_at)  # another one, of the same moment
        assert await house.search.names_behind(entry.id) == [made.end_to_end_id]

    async def test_a_request_leads_to_what_it_wrote(self, house: House) -> None:
        await fetch(
            house.postgres,
            """
            INSERT INTO audit_trail (actor, action, subject, digest, request_id)
            VALUES ('key_1', 'payout.created', 'pay_1', '', $1)
            """,
            request_id := _request_id(),
        )
        assert await house.search.names_behind(request_id) == ["pay_1"]

    async def test_jobs_are_found_by_the_keys_that_they_hold(self, house: House) -> None:
        jobs = PostgresJobs(house.postgres)
        job = NewJob(
            id=new_id("job"),
            kind="payouts.run_scheduled",
            version=1,
            args={},
            priority=1,
            attempts_max=1,
            run_at=NOW,
            created_at=NOW,
            unique_key="pay_1",
        )
        await jobs.enqueue([job])
        assert await house.search.jobs_holding(job.kind, ["pay_1", "pay_1 evening"]) == [job.id]
        assert await house.search.jobs_holding("another.kind", ["pay_1"]) == []


class TestStatistics:
    @pytest.mark.parametrize("merchant_id", [None, MERCHANT, OTHER])
    @pytest.mark.parametrize("bucket", list(Bucket))
    async def test_series_and_times_are_those_of_the_records(
        self, house: House, bucket: Bucket, merchant_id: str | None
    ) -> None:
        await lived_in(house)
        span = span_of(bucket, NOW - timedelta(minutes=2), at(120), NOW)
        found = await house.statistics.payments(span, merchant_id)
        twin = MemoryStatistics(house.tables, lambda: (0, 0))
        expected = await twin.payments(span, merchant_id)
        assert list(found.buckets) == list(expected.buckets)
        assert found.charges_converted == expected.charges_converted
        assert found.payout_seconds == expected.payout_seconds
        paid = merchant_id != OTHER
        assert (found.charge_seconds is not None) == paid
        if found.charge_seconds is not None:
            assert (found.charge_seconds.count, found.charge_seconds.p99) == (1, 2.0)

    async def test_what_is_outside_of_the_span_does_not_count(self, house: House) -> None:
        await lived_in(house)
        before = span_of(Bucket.HOUR, NOW - timedelta(hours=9), NOW - timedelta(hours=8), NOW)
        found = await house.statistics.payments(before, None)
        assert set(found.buckets) == {type(found.buckets[0])()}
        assert (found.payout_seconds, found.charge_seconds) == (None, None)

    async def test_days_begin_at_midnight_in_sao_paulo(self, house: House) -> None:
        midnight = NOW.replace(hour=3)
        await house.charge(created_at=midnight - timedelta(microseconds=1))
        await house.charge(created_at=midnight)
        span = span_of(Bucket.DAY, NOW - timedelta(days=1), NOW, NOW)
        found = await house.statistics.payments(span, MERCHANT)
        assert [one.charges_created for one in found.buckets] == [1, 1]

    async def test_the_last_minute_is_what_ended_in_it(self, house: House) -> None:
        await lived_in(house)
        twin = MemoryStatistics(house.tables, lambda: (0, 0))
        for seconds in (1, 5, 30, 62, 66):
            moment = await house.statistics.moment(at(seconds), NOW)
            assert moment == await twin.moment(at(seconds), NOW), seconds
        assert (await house.statistics.moment(at(30), NOW)).in_doubt == 1

    async def test_what_was_accepted_and_never_ended_is_in_doubt(self, house: House) -> None:
        await lived_in(house)
        sent = await house.payout(PayoutStage.SENT, created_at=at(-60))
        twin = MemoryStatistics(house.tables, lambda: (0, 0))
        for before, count in ((sent.created_at, 1), (at(-59), 2)):
            moment = await house.statistics.moment(at(30), before)
            assert moment == await twin.moment(at(30), before)
            assert moment.in_doubt == count

    async def test_what_waits_for_operators_is_counted(self, house: House) -> None:
        await fetch(
            house.postgres,
            """
            INSERT INTO dead_letters (
                work, subject, reference, body, attempts, failures, error, first_failed_at, died_at
            ) VALUES ('w', 's', 'r', '', 3, 3, 'a bug', now(), now())
            """,
        )
        moment = await house.statistics.moment(NOW, NOW)
        assert (moment.dead_letters, moment.differences) == (1, 0)


class TestPayers:
    async def test_payers_are_those_of_the_records_last_first(self, house: House) -> None:
        for number in range(3):
            await house.receive(received_at=at(number), amount=1_00)
        await house.receive(received_at=at(9), amount=5_00, payer=BIA)
        renamed = Person(document=ANA.document, name="Ana Maria")
        await house.receive(received_at=at(10), amount=2_00, payer=renamed)
        await house.receive(received_at=at(11), payer=None)
        others = {"merchant_id": OTHER, "account_id": OTHER_ACCOUNT}
        await house.receive(received_at=at(12), **others)

        twin = MemoryPayers(house.tables)
        for merchant_id in (MERCHANT, OTHER):
            found = await house.payers.page(merchant_id, ALL)
            assert found == await twin.page(merchant_id, ALL)
        payers, total = await house.payers.page(MERCHANT, ALL)
        assert [(one.name, one.payments, one.amount) for one in payers] == [
            ("Ana Maria", 4, 5_00),
            ("Bia", 1, 5_00),
        ]
        assert (await house.payers.page(MERCHANT, Page(number=2, size=1)))[0] == payers[1:]
        assert await house.payers.page(MERCHANT, Page(number=9, size=1)) == ([], total)

    async def test_receipts_of_before_the_index_get_it_in_bites(self, house: House) -> None:
        for number in range(5):
            await house.receive(received_at=at(number))
        await house.receive(payer=Person(document="", name="Nobody"))
        known = await house.payers.page(MERCHANT, ALL)
        await fetch(house.postgres, "UPDATE receipts SET payer_index = NULL")
        assert (await house.payers.page(MERCHANT, ALL))[1] == 0

        bites, after = 0, ""
        while (following := await house.payers.index(after, 2)) is not None:
            bites, after = bites + 1, following
        assert bites == 3
        assert await house.payers.page(MERCHANT, ALL) == known
        # Whoever has no document is asked about again, and stays without.
        assert await house.payers.index("", 2) is None

    async def test_counting_payers_reads_an_index_and_no_receipt(self, house: House) -> None:
        await house.receive()
        await fetch(house.postgres, "ANALYZE receipts")
        rows = await fetch(
            house.postgres,
            """
            EXPLAIN SELECT payer_index, count(*), sum(amount), max(received_at), max(id)
            FROM receipts WHERE merchant_id = $1 AND payer_index IS NOT NULL GROUP BY payer_index
            """,
            MERCHANT,
        )
        assert "Index Only Scan using receipts_of_merchant" in "\n".join(
            row["QUERY PLAN"] for row in rows
        )


class TestCustomers:
    async def test_merchants_are_found_by_name_and_document_and_counted(self, house: House) -> None:
        third = Merchant(
            id="mch_00000000000000000000000003",
            name="Padaria São João",
            document="11444777000161",
            city="SANTOS",
            created_at=NOW,
        )
        await house.store.add_merchant(third)
        house.merchants[third.id] = third
        twin = MemoryCustomers(house.tables)
        for wanted in (
            CustomersWanted(),
            CustomersWanted(name="SAO JOAO"),
            CustomersWanted(name="loja"),
            CustomersWanted(document=third.document),
            CustomersWanted(document="52998224725"),
        ):
            for page in (ALL, Page(number=2, size=1)):
                found = await house.customers.page(wanted, page)
                assert found == await twin.page(wanted, page), wanted
        found_alone = await house.customers.find(MERCHANT)
        assert found_alone is not None
        assert found_alone.accounts == 1
        assert await house.customers.find("mch_missing") is None

    async def test_a_search_goes_through_more_than_one_bite(self, house: House) -> None:
        for number in range(10, 150):
            made = merchant(f"mch_{number:026}")
            await house.store.add_merchant(made)
        found, total = await house.customers.page(
            CustomersWanted(name="loja"), Page(number=1, size=2)
        )
        assert (len(found), total) == (2, 142)


def _request_id() -> str:
    """Of a request that came just now: the trail has the database's time."""
    return f"req_{new_ulid(int(time.time() * 1000), bytes(10))}"


def test_a_row_says_nothing_of_people() -> None:
    names = set(PaymentRow.__struct_fields__)
    assert not names & {"payer", "recipient", "description", "pix_key"}
