"""Everything an institution has on paper: `ports.Store` over its own schema.

Each method is one transaction and one hop to Postgres; what is a single statement is its own
transaction and saves two round trips. Calls of many callers, one record each, are batched.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from fluxiq.domain.records import (
    Account,
    ApiKey,
    Charge,
    Event,
    InboxEntry,
    Merchant,
    OutboxEntry,
    Payout,
    PixKey,
    Step,
)
from fluxiq.errors import Unavailable
from fluxiq.natural_batching import BatchingStatistics, NaturalBatcher
from fluxiq.ports import (
    Archived,
    Books,
    ChargeOpening,
    Differs,
    Enrollment,
    HoldSettled,
    Idempotency,
    Limited,
    NoticeRecorded,
    Opening,
    OutcomeArchived,
    Page,
    PayoutOpening,
    ReceiptArchived,
    ReceiptContext,
    Replay,
    Running,
    Store,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import (
    accounts,
    charges,
    inbox,
    outbox,
    proof,
    receipts,
    walk,
)
from fluxiq.stores import idempotency as keys
from fluxiq.stores import payouts as payout_rows
from fluxiq.stores.pool import Postgres
from fluxiq.stores.sealed import House


class PostgresStore(Store):
    """The records of institution `ispb`; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._ispb = ispb
        self._house = house = House(ispb, sealer)

        run: Any = postgres.run
        self._open_charge: NaturalBatcher[ChargeOpening, Opening] = NaturalBatcher(
            partial(run, charges.open_charges, house), system="postgres"
        )
        self._open_payout: NaturalBatcher[PayoutOpening, Opening | Limited] = NaturalBatcher(
            partial(run, payout_rows.open_payouts, house), system="postgres"
        )
        self._settle_hold: NaturalBatcher[HoldSettled, Archived] = NaturalBatcher(
            partial(run, payout_rows.settle_holds, house), system="postgres"
        )
        self._record_notices: NaturalBatcher[Sequence[NoticeRecorded], list[bool]] = NaturalBatcher(
            partial(run, inbox.record_notices, house), system="postgres"
        )

    def statistics(self) -> dict[str, BatchingStatistics]:
        """The group commits, by the method they serve."""
        return {
            "open_charge": self._open_charge.statistics(),
            "open_payout": self._open_payout.statistics(),
            "settle_hold": self._settle_hold.statistics(),
            "record_notices": self._record_notices.statistics(),
        }

    # who

    async def find_api_key(self, key_hash: bytes) -> ApiKey | None:
        return await self._postgres.run(accounts.find_api_key, key_hash)

    async def enroll(self, enrollment: Enrollment) -> Opening:
        """Raises Refused `pix_key_taken`."""
        return await self._postgres.transaction(accounts.enroll, self._house, enrollment)

    async def add_merchant(self, merchant: Merchant) -> None:
        await self._postgres.transaction(accounts.add_merchant, self._house, merchant)

    async def find_merchant(self, merchant_id: str) -> Merchant | None:
        return await self._postgres.run(accounts.find_merchant, self._house, merchant_id)

    async def add_api_key(self, key: ApiKey) -> None:
        await self._postgres.transaction(accounts.add_api_key, key)

    async def add_account(self, account: Account, keys: Sequence[PixKey], event: Event) -> None:
        """Raises Refused `account_exists` and `pix_key_taken`."""
        await self._postgres.transaction(accounts.add_account, self._house, account, keys, event)

    async def find_account(self, account_id: str) -> Account | None:
        return await self._postgres.run(accounts.find_account, self._house, account_id)

    async def list_accounts(self, merchant_id: str, page: Page) -> tuple[list[Account], int]:
        return await self._postgres.run(accounts.list_accounts, self._house, merchant_id, page)

    async def pix_keys_of(self, account_id: str) -> list[PixKey]:
        return await self._postgres.run(accounts.pix_keys_of, self._house, account_id)

    async def find_pix_key(self, key: str) -> PixKey | None:
        return await self._postgres.run(accounts.find_pix_key, self._house, key)

    async def find_opening(
        self, merchant_id: str, idempotency: Idempotency, now: datetime
    ) -> Replay | Running | Differs | None:
        return await self._postgres.run(keys.find, self._house, merchant_id, idempotency, now)

    # PIX in

    async def open_charge(self, opening: ChargeOpening) -> Opening:
        return await self._open_charge(opening)

    async def find_charge(self, charge_id: str) -> Charge | None:
        return await self._postgres.run(charges.find_charge, self._house, charge_id)

    async def overdue_charges(self, before: datetime, limit: int) -> list[Charge]:
        return await self._postgres.run(charges.overdue_charges, self._house, before, limit)

    async def archive_expiries(self, batch: Sequence[tuple[Charge, Event]]) -> Archived:
        return await self._postgres.transaction(charges.archive_expiries, self._house, batch)

    async def record_notices(self, batch: Sequence[NoticeRecorded]) -> list[bool]:
        return await self._record_notices(batch)

    async def receipt_contexts(self, entries: Sequence[InboxEntry]) -> list[ReceiptContext]:
        return await self._postgres.run(inbox.receipt_contexts, self._house, entries)

    async def archive_receipts(self, batch: Sequence[ReceiptArchived]) -> Archived:
        archived, left = await self._postgres.run(receipts.archive_receipts, self._house, batch)
        if left:
            raise Unavailable("archive", f"a charge changed while {left[0]} was studied")
        return archived

    # PIX out

    async def open_payout(self, opening: PayoutOpening) -> Opening | Limited:
        return await self._open_payout(opening)

    async def settle_hold(self, settled: HoldSettled) -> Archived:
        return await self._settle_hold(settled)

    async def find_payout(self, payout_id: str) -> Payout | None:
        return await self._postgres.run(payout_rows.find_payout, self._house, payout_id)

    async def payouts(self, end_to_end_ids: Sequence[str]) -> dict[str, Payout]:
        return await self._postgres.run(
            payout_rows.payouts_by_end_to_end_id, self._house, end_to_end_ids
        )

    async def mark_sent(self, payouts: Sequence[Payout], steps: Sequence[Step]) -> None:
        await self._postgres.run(payout_rows.mark_sent, payouts, steps)

    async def archive_outcomes(self, batch: Sequence[OutcomeArchived]) -> Archived:
        return await self._postgres.run(payout_rows.archive_outcomes, self._house, batch)

    async def unheld_payouts(self, before: datetime, limit: int) -> list[Payout]:
        return await self._postgres.run(payout_rows.unheld_payouts, self._house, before, limit)

    async def unanswered_payouts(self, before: datetime, limit: int) -> list[Payout]:
        return await self._postgres.run(payout_rows.unanswered_payouts, self._house, before, limit)

    # telling

    async def record_steps(self, steps: Sequence[Step]) -> None:
        await self._postgres.run(walk.record_steps, steps)

    async def payment_owner(self, end_to_end_id: str) -> str | None:
        return await self._postgres.run(walk.payment_owner, end_to_end_id)

    async def walk(self, end_to_end_id: str) -> list[Step]:
        return await self._postgres.run(walk.walk, end_to_end_id)

    async def prove_books(self) -> Books:
        return await self._postgres.transaction(proof.prove_books, self._ispb)

    # what is owed to the bus

    async def due_outbox(self, now: datetime, limit: int) -> list[OutboxEntry]:
        return await self._postgres.run(outbox.due_outbox, now, limit)

    async def outbox_published(self, entries: Sequence[OutboxEntry], now: datetime) -> None:
        await self._postgres.run(outbox.outbox_published, entries, now)
