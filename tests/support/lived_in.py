"""An institution that has been lived in: in every sealed column something is written of somebody.

What may be found nowhere in plain is in `SECRETS`: documents, names, keys and secrets of people.
"""

from typing import Any

import msgspec

from fluxiq.domain.contest import Contest, ContestStatus
from fluxiq.domain.med import MedReason, MedReport, MedStage
from fluxiq.domain.payout_batch import (
    BatchStatus,
    Instruction,
    NumberedInstruction,
    PayoutBatch,
)
from fluxiq.domain.records import Payout, Person, Recipient
from fluxiq.ports import Idempotency
from fluxiq.ports.accounts import AccountOpening
from fluxiq.ports.contests import ContestOpening
from fluxiq.ports.med import MedOpening
from fluxiq.ports.payout_batches import BatchOpening
from fluxiq.ports.sealing import Place, Sealer
from fluxiq.ports.webhooks import Asked
from fluxiq.stores.account_changes import PostgresAccounts
from fluxiq.stores.contests import PostgresContests
from fluxiq.stores.med import PostgresMed
from fluxiq.stores.payout_batches import PostgresPayoutBatches
from fluxiq.stores.pool import Postgres
from fluxiq.stores.store import PostgresStore
from fluxiq.stores.webhooks import PostgresWebhooks
from tests.support.store_records import (
    ACCOUNT,
    ISPB,
    MERCHANT,
    NOW,
    account,
    charge,
    charge_opening,
    endpoint,
    event,
    fetch,
    hold_settled,
    merchant,
    new_id,
    notice_recorded,
    payout,
    payout_opening,
    pix_key,
    receipt,
    receipt_archived,
)

PAYER = Person(document="52998224725", name="Maria Pagadora")
PAYEE = Recipient(
    pix_key="joao.recebedor@example.com",
    pix_key_type="EMAIL",
    name="Joao Recebedor",
    document="11144477735",
)
OWN_KEY = "chave.propria@example.com"
CODE = f"00020126br.gov.bcb.pix{OWN_KEY}5913Padaria Segredo6304ABCD"
SECRET, OLD_SECRET = "whsec_c2VncmVkbyBub3Zv", "whsec_c2VncmVkbyB2ZWxobw=="
DETAILS = "Fulana de Tal was held at the door"
NAME, DOCUMENT = "Padaria Segredo", "00038166000105"

SECRETS = (
    PAYER.document,
    PAYER.name,
    PAYEE.pix_key,
    PAYEE.name,
    PAYEE.document,
    OWN_KEY,
    SECRET,
    OLD_SECRET,
    "Fulana de Tal",
    NAME,
    DOCUMENT,
)


async def live_in(postgres: Postgres, sealer: Sealer) -> None:
    """Through the stores, as the use cases do."""
    parts = postgres, ISPB, sealer
    store = PostgresStore(*parts)
    told = {"payer": msgspec.to_builtins(PAYER), "recipient": msgspec.to_builtins(PAYEE)}
    said = msgspec.json.encode(told)

    await store.add_merchant(merchant())
    second = msgspec.structs.replace(
        merchant("mch_00000000000000000000000002"), name=NAME, document=DOCUMENT
    )
    await store.add_merchant(second)
    await store.add_account(account(name=NAME), [pix_key(OWN_KEY)], event("account.created", told))
    opening = AccountOpening(
        account=account(new_id("acc"), name=PAYER.name, ledger_id=77),
        keys=[pix_key("outra.chave@example.com", new_id("acc"))],
        event=event("account.created", told),
        response=said,
        idempotency=Idempotency(key="accounts 1", digest=b"1"),
        actor="key_1",
    )
    keys = [pix_key(PAYER.document, opening.account.id)]
    await PostgresAccounts(*parts).open(msgspec.structs.replace(opening, keys=keys))

    await store.open_charge(
        charge_opening(
            charge(payer=PAYER, pix_key=OWN_KEY, qr_code=CODE),
            Idempotency(key="charges 1", digest=b"1"),
            said,
        )
    )
    recorded = notice_recorded(payer=PAYER, pix_key=OWN_KEY, payer_message=PAYER.name)
    body = sealer.seal(
        msgspec.json.encode(recorded.entry), Place("outbox", "body", recorded.entry.id)
    )
    message = msgspec.structs.replace(recorded.message, body=body)
    await store.record_notices([msgspec.structs.replace(recorded, message=message)])

    received = receipt(payer=PAYER)
    await store.archive_receipts([receipt_archived(received)])
    made = payout(recipient=PAYEE)
    await store.open_payout(payout_opening(made))
    await store.settle_hold(hold_settled(made, response=said))
    await PostgresMed(*parts).open(
        MedOpening(report=_report(received.end_to_end_id), idempotency=None)
    )

    await PostgresContests(*parts).open(
        ContestOpening(contest=_contest(made), idempotency=None, response=said)
    )

    await PostgresPayoutBatches(*parts).open(_batch(said))

    webhooks, asked = PostgresWebhooks(*parts), Asked(merchant_id=MERCHANT, at=NOW)
    hook = endpoint(secret=SECRET, previous_secret=OLD_SECRET, previous_secret_until=NOW)
    await webhooks.add_endpoint(hook, asked, 10)
    await webhooks.send_to_one(hook.id, event("webhook.test", told), asked)


async def dumped(postgres: Postgres) -> dict[str, bytes]:
    """Every value of every column of the schema, as bytes."""
    columns = await fetch(
        postgres,
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND table_name NOT LIKE 'schema_migrations'
        """,
    )
    found: dict[str, bytes] = {}
    for one in columns:
        table, name = one["table_name"], one["column_name"]
        rows = await fetch(postgres, f'SELECT "{name}" AS value FROM {table}')
        found[f"{table}.{name}"] = b"\n".join(_as_bytes(row["value"]) for row in rows)
    return found


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else repr(value).encode()


def _batch(response: bytes) -> BatchOpening:
    instruction = Instruction(amount=1_00, pix_key=PAYEE.pix_key, pix_key_type="EMAIL")
    batch = PayoutBatch(
        id=new_id("bat"),
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        name="suppliers",
        status=BatchStatus.AWAITING_RELEASE,
        line_count=1,
        amount=1_00,
        created_by="key_1",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW,
    )
    return BatchOpening(
        batch=batch,
        lines=(NumberedInstruction(number=1, instruction=instruction),),
        response=response,
        idempotency=Idempotency(key="batches 1", digest=b"1"),
    )


def _report(end_to_end_id: str) -> MedReport:
    return MedReport(
        id=new_id("med"),
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        end_to_end_id=end_to_end_id,
        amount=15000,
        reason=MedReason.COERCION,
        details=DETAILS,
        stage=MedStage.CREATED,
        opened_by="key_1",
        asked_by=MERCHANT,
        created_at=NOW,
        updated_at=NOW,
    )


def _contest(of: Payout) -> Contest:
    return Contest(
        id=new_id("cts"),
        payout_id=of.id,
        merchant_id=MERCHANT,
        account_id=ACCOUNT,
        end_to_end_id=of.end_to_end_id,
        amount=of.amount,
        reason=MedReason.COERCION,
        details=DETAILS,
        status=ContestStatus.REPORTING,
        provider="simulator",
        opened_by="key_1",
        created_at=NOW,
        updated_at=NOW,
        due_at=NOW,
    )
