"""Records to put into a store, with only what a test cares about said; and the way to a store."""

import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain import postings
from fluxiq.domain.records import (
    Account,
    AccountStatus,
    Charge,
    ChargeStatus,
    Event,
    Hold,
    InboxEntry,
    Merchant,
    Notice,
    NoticeKind,
    Outcome,
    Payout,
    PayoutStage,
    PixKey,
    Receipt,
    ReceiptReason,
    Recipient,
    Room,
    Step,
    WebhookEndpoint,
)
from fluxiq.domain.ulid import encode_128
from fluxiq.ports import (
    ChargeOpening,
    HoldSettled,
    Idempotency,
    NoticeRecorded,
    OutboxDraft,
    OutcomeArchived,
    PayoutOpening,
    ReceiptArchived,
)
from fluxiq.ports.webhooks import Asked
from fluxiq.stores.pool import Postgres, open_postgres
from fluxiq.stores.provision import provision_institution, role_of
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.webhooks import PostgresWebhooks
from tests.support.seals import keyring

ISPB = "12345678"
PASSWORD = "a password of the tests"
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MERCHANT = "mch_00000000000000000000000001"
ACCOUNT = "acc_00000000000000000000000001"

_numbers = itertools.count(1)


@asynccontextmanager
async def open_admin(host: AsyncioHost, url: str) -> AsyncIterator[Postgres]:
    async with open_postgres(
        host, url, size=4, application_name="tests", statement_timeout=10
    ) as postgres:
        yield postgres


@asynccontextmanager
async def open_institution(
    host: AsyncioHost, url: str, ispb: str = ISPB, ledger: int = 1
) -> AsyncIterator[Postgres]:
    """A provisioned institution, seen through its own role."""
    async with open_admin(host, url) as admin:
        await provision_institution(admin, ispb, f"Institution {ispb}", ledger, PASSWORD)

    own = url.replace("postgres@", f"{role_of(ispb)}@")
    async with open_admin(host, own) as postgres:
        yield postgres


@asynccontextmanager
async def open_store(host: AsyncioHost, url: str) -> AsyncIterator[tuple[PostgresStore, Postgres]]:
    """A store with one merchant and one account, and the pool under it for looking inside."""
    async with open_institution(host, url) as postgres:
        store = PostgresStore(postgres, ISPB, keyring(ISPB))
        await store.add_merchant(merchant())
        await store.add_account(account(), [], event("account.created"))
        yield store, postgres


async def fetch(postgres: Postgres, query: str, *arguments: Any) -> list[dict[str, Any]]:
    async def unit(connection: Any) -> list[dict[str, Any]]:
        return [dict(row) for row in await connection.fetch(query, *arguments)]

    return await postgres.run(unit)


def webhooks_of(store: PostgresStore) -> PostgresWebhooks:
    """The webhooks of the same institution, over the same pool."""
    return PostgresWebhooks(store._postgres, ISPB, store._house.sealer)


async def add_endpoint(store: PostgresStore, made: WebhookEndpoint) -> None:
    asked = Asked(merchant_id=made.merchant_id, at=made.created_at)
    await webhooks_of(store).add_endpoint(made, asked, 1000)


def new_id(prefix: str) -> str:
    return f"{prefix}_{encode_128(next(_numbers))}"


def new_end_to_end_id() -> str:
    return f"E{ISPB}202603041200{next(_numbers):011d}"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def merchant(merchant_id: str = MERCHANT) -> Merchant:
    return Merchant(
        id=merchant_id, name="Loja", document="00038166000105", city="RECIFE", created_at=NOW
    )


def account(account_id: str = ACCOUNT, **said: Any) -> Account:
    made = Account(
        id=account_id,
        merchant_id=MERCHANT,
        ledger_id=postings.customer_ledger_id(ISPB, account_id),
        product_id="prod_pix_merchant",
        name="Main",
        status=AccountStatus.ACTIVE,
        created_at=NOW,
        metadata={"shelf": 3},
    )
    return msgspec.structs.replace(made, **said)


def pix_key(key: str, account_id: str = ACCOUNT) -> PixKey:
    return PixKey(key=key, kind="EMAIL", account_id=account_id, created_at=NOW)


def event(kind: str, data: Mapping[str, Any] | None = None, **said: Any) -> Event:
    made = Event(
        id=new_id("evt"), merchant_id=MERCHANT, type=kind, created_at=NOW, data=dict(data or {})
    )
    return msgspec.structs.replace(made, **said)


def endpoint(*events: str, **said: Any) -> WebhookEndpoint:
    made = WebhookEndpoint(
        id=new_id("whk"),
        merchant_id=MERCHANT,
        url="https://merchant.example/hook",
        events=events,
        secret="whsec_c2VjcmV0",
        created_at=NOW,
    )
    return msgspec.structs.replace(made, **said)


def step(end_to_end_id: str, room: Room = Room.DOOR, seconds: float = 0, detail: str = "") -> Step:
    return Step(
        end_to_end_id=end_to_end_id,
        room=room,
        entered_at=at(seconds),
        left_at=at(seconds + 0.5),
        detail=detail,
    )


def idempotency(key: str | None = None, digest: bytes = b"digest") -> Idempotency:
    return Idempotency(key=key or f"key {next(_numbers)}", digest=digest)


def charge(**said: Any) -> Charge:
    charge_id = new_id("chg")
    made = Charge(
        id=charge_id,
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        txid=charge_id[-25:],
        amount=15000,
        description="a chair",
        payer=None,
        pix_key="loja@example.com",
        qr_code="000201",
        status=ChargeStatus.PENDING,
        expires_at=at(3600),
        created_at=NOW,
        metadata={"order": 7},
    )
    return msgspec.structs.replace(made, **said)


def charge_opening(
    made: Charge | None = None, under: Idempotency | None = None, response: bytes = b"made"
) -> ChargeOpening:
    return ChargeOpening(
        charge=made or charge(),
        event=event("pix.charge.created"),
        response=response,
        idempotency=under,
    )


def notice_recorded(**said: Any) -> NoticeRecorded:
    made = Notice(
        event_id=f"event {next(_numbers)}",
        kind=NoticeKind.RECEIVED,
        end_to_end_id=new_end_to_end_id(),
        amount=15000,
        occurred_at=NOW,
    )
    notice = msgspec.structs.replace(made, **said)
    entry = InboxEntry(id=new_id("evt"), provider="simulator", notice=notice, received_at=NOW)
    return NoticeRecorded(
        entry=entry,
        message=OutboxDraft(
            subject=f"FLUXIQ.{ISPB}.pix.in.0", reference=entry.id, body=b"a notice"
        ),
        steps=(step(notice.end_to_end_id, Room.VISITORS_BOOK),),
    )


def receipt(paid: Charge | None = None, **said: Any) -> Receipt:
    end_to_end_id = said.pop("end_to_end_id", None) or new_end_to_end_id()
    made = Receipt(
        id=new_id("pay"),
        end_to_end_id=end_to_end_id,
        amount=15000,
        reason=ReceiptReason.PAYS_CHARGE if paid else ReceiptReason.NO_CHARGE,
        account_id=ACCOUNT,
        merchant_id=MERCHANT,
        charge_id=paid.id if paid else None,
        payer=None,
        transfer_id=postings.pix_in_id(ISPB, end_to_end_id),
        received_at=NOW,
    )
    return msgspec.structs.replace(made, **said)


def receipt_archived(archived: Receipt | None, inbox_id: str = "") -> ReceiptArchived:
    return ReceiptArchived(
        inbox_id=inbox_id,
        receipt=archived,
        event=event("pix.charge.paid"),
        steps=() if archived is None else (step(archived.end_to_end_id, Room.ARCHIVE),),
    )


def payout(**said: Any) -> Payout:
    made = Payout(
        id=new_id("pay"),
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        end_to_end_id=new_end_to_end_id(),
        amount=900,
        description="a table",
        recipient=Recipient(pix_key="maria@example.com", pix_key_type="EMAIL", name="Maria"),
        stage=PayoutStage.CREATED,
        created_at=NOW,
        updated_at=NOW,
        metadata={"order": 8},
    )
    return msgspec.structs.replace(made, **said)


def payout_opening(made: Payout | None = None, under: Idempotency | None = None) -> PayoutOpening:
    made = made or payout()
    return PayoutOpening(
        payout=made,
        idempotency=under or idempotency(),
        steps=(step(made.end_to_end_id, Room.COUNTER),),
    )


def hold_settled(
    made: Payout, *, failure_code: str | None = None, response: bytes = b"accepted"
) -> HoldSettled:
    kind = "pix.payout.processing" if failure_code is None else "pix.payout.failed"
    order = OutboxDraft(
        subject=f"FLUXIQ.{ISPB}.pix.out.0", reference=made.end_to_end_id, body=b"an order"
    )
    return HoldSettled(
        hold=Hold(payout_id=made.id, at=at(1), failure_code=failure_code),
        event=event(kind),
        response=response,
        order=order if failure_code is None else None,
        steps=(step(made.end_to_end_id, Room.VAULT, 1),),
    )


def outcome_archived(
    made: Payout, stage: PayoutStage, inbox_id: str | None = None, **said: Any
) -> OutcomeArchived:
    if stage is PayoutStage.FAILED:
        said = {"failure_code": "account_blocked", "reason_code": "AC06", **said}
    return OutcomeArchived(
        inbox_id=inbox_id,
        outcome=Outcome(payout=made, stage=stage, at=at(5), inbox_id=inbox_id, **said),
        event=event(f"pix.payout.{stage}"),
        steps=(step(made.end_to_end_id, Room.ARCHIVE, 5),),
    )
