"""The proof of the books: every record of a payment beside its transfers in the ledger.

Read in one snapshot, in pages. Ids of transfers are derived from end-to-end ids in Python, so each
page asks the ledger for its own. A payment under way may be ahead in the ledger for the moment
between vault and archive: that counts as a mismatch only when it lasts.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgspec import Struct

from fluxiq.domain import postings, refund_postings
from fluxiq.domain.records import PayoutStage
from fluxiq.ports import Books
from fluxiq.stores import transfer_proof
from fluxiq.stores.pool import Connection, int_of, uuid_of

PAGE_ROWS: Final = 1000
ARCHIVE_SECONDS_MAX: Final = 60.0
MISMATCHES_MAX: Final = 1000

_OPEN: Final = (PayoutStage.CREATED, PayoutStage.HELD, PayoutStage.SENT, PayoutStage.IN_DOUBT)
_NEVER_HELD: Final = (PayoutStage.SCHEDULED, PayoutStage.CANCELLED)
_PAID: Final = (PayoutStage.CONFIRMED, PayoutStage.RETURNED)

_Row: TypeAlias = Mapping[str, Any]
_JudgePage: TypeAlias = Callable[[Connection, str, Sequence[_Row]], Awaitable[list[str]]]

_SUMS: Final = """
SELECT
    coalesce(sum(debits_posted), 0)::text AS debits_posted,
    coalesce(sum(credits_posted), 0)::text AS credits_posted,
    coalesce(sum(debits_pending), 0)::text AS debits_pending,
    coalesce(sum(credits_pending), 0)::text AS credits_pending
FROM ledger_accounts
"""

_STAGES: Final = """
SELECT 'payouts' AS kind, stage, count(*) AS orders FROM payouts GROUP BY stage
UNION ALL
SELECT 'refunds', stage, count(*) FROM refunds GROUP BY stage
ORDER BY kind, stage
"""

_PAYOUTS: Final = """
SELECT id, end_to_end_id, amount, stage FROM payouts
WHERE id > $1 ORDER BY id LIMIT $2
"""

_REFUNDS: Final = """
SELECT id, return_id, amount, stage FROM refunds WHERE id > $1 ORDER BY id LIMIT $2
"""

_RETURNS: Final = """
SELECT return_id AS id, amount, transfer_id FROM payout_returns
WHERE return_id > $1 ORDER BY return_id LIMIT $2
"""

_RECEIPTS: Final = """
SELECT id, end_to_end_id, amount, fee, transfer_id FROM receipts WHERE id > $1 ORDER BY id LIMIT $2
"""

_TRANSFERS: Final = """
SELECT id, amount, timestamp >= (extract(epoch FROM now()) - $2) * 1000000000 AS is_fresh
FROM ledger_transfers WHERE id = ANY ($1::uuid[])
"""


class Evidence(Struct, frozen=True):
    """The amounts of an order's transfers in the ledger; None where there is no such transfer."""

    hold: int | None
    post: int | None
    void: int | None


class _Transfer(Struct, frozen=True):
    amount: int
    is_fresh: bool  # younger than ARCHIVE_SECONDS_MAX


async def prove_books(connection: Connection, ispb: str) -> Books:
    """In a transaction that has done nothing yet: it becomes one read-only snapshot."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    await connection.execute("SET LOCAL enable_seqscan = on")  # it reads whole tables
    sums = await connection.fetchrow(_SUMS)
    stages: dict[str, dict[str, int]] = {"payouts": {}, "refunds": {}}
    for row in await connection.fetch(_STAGES):
        stages[row["kind"]][row["stage"]] = row["orders"]
    inbox_open = await connection.fetchval("SELECT count(*) FROM inbox WHERE done_at IS NULL")

    mismatches = await _mismatches(connection, ispb, _PAYOUTS, _payout_page)
    mismatches += await _mismatches(connection, ispb, _REFUNDS, _refund_page)
    mismatches += await _mismatches(connection, ispb, _RECEIPTS, _receipt_page)
    mismatches += await _mismatches(connection, ispb, _RETURNS, _return_page)
    mismatches += await _mismatches(
        connection, ispb, transfer_proof.TRANSFERS, transfer_proof.judge_page
    )

    return Books(
        debits_posted=int(sums["debits_posted"]),
        credits_posted=int(sums["credits_posted"]),
        debits_pending=int(sums["debits_pending"]),
        credits_pending=int(sums["credits_pending"]),
        payouts_open=_count_open(stages["payouts"]),
        payouts_by_stage=stages["payouts"],
        refunds_open=_count_open(stages["refunds"]),
        refunds_by_stage=stages["refunds"],
        inbox_open=inbox_open,
        mismatches=tuple(mismatches[:MISMATCHES_MAX]),
    )


def judge_payout(stage: PayoutStage, amount: int, found: Evidence, *, is_fresh: bool) -> str | None:
    """What is wrong with a payout or refund, in words, or None. `is_fresh`: a moment ago the ledger
    moved.
    """
    held, posted, voided = (one is not None for one in (found.hold, found.post, found.void))
    is_open = stage in _OPEN
    complaints = {
        f"it is {stage} but has a hold": stage in _NEVER_HELD and held and not is_fresh,
        "the ledger has another amount": not {found.hold, found.post, found.void} <= {None, amount},
        "its hold was both posted and voided": posted and voided,
        "it was posted or voided without a hold": (posted or voided) and not held,
        f"it is {stage} but was not posted": stage in _PAID and not posted,
        "it is failed but was posted": stage is PayoutStage.FAILED and posted,
        "it is failed but its hold lives": stage is PayoutStage.FAILED and held and not voided,
        f"it is {stage} but its hold has ended": is_open and (posted or voided) and not is_fresh,
        f"it is {stage} without a hold": is_open and stage is not PayoutStage.CREATED and not held,
    }
    return "; ".join(words for words, is_so in complaints.items() if is_so) or None


def _count_open(stages: Mapping[str, int]) -> int:
    return sum(stages.get(stage, 0) for stage in _OPEN)


async def _mismatches(
    connection: Connection, ispb: str, query: str, judge_page: _JudgePage
) -> list[str]:
    found: list[str] = []
    after = ""

    while len(found) < MISMATCHES_MAX:
        page = await connection.fetch(query, after, PAGE_ROWS)
        if not page:
            break

        found += await judge_page(connection, ispb, page)
        after = page[-1]["id"]

    return found


async def _payout_page(connection: Connection, ispb: str, page: Sequence[_Row]) -> list[str]:
    ids = [_ids_of(ispb, row) for row in page]
    names = [f"payout {row['id']} ({row['end_to_end_id']})" for row in page]
    return await _order_page(connection, page, names, ids)


async def _refund_page(connection: Connection, ispb: str, page: Sequence[_Row]) -> list[str]:
    ids = [refund_postings.refund_transfer_ids(ispb, row["return_id"]) for row in page]
    names = [f"refund {row['id']} ({row['return_id']})" for row in page]
    return await _order_page(connection, page, names, ids)


async def _order_page(
    connection: Connection,
    page: Sequence[_Row],
    names: Sequence[str],
    ids: Sequence[tuple[int, int, int]],
) -> list[str]:
    """`ids` are each order's hold, post and void."""
    known = await _transfers(connection, [one for three in ids for one in three])
    found = []

    for row, name, three in zip(page, names, ids, strict=True):
        transfers = [known.get(one) for one in three]
        evidence = Evidence(*(None if one is None else one.amount for one in transfers))
        is_fresh = any(one is not None and one.is_fresh for one in transfers)
        stage = PayoutStage(row["stage"])
        if wrong := judge_payout(stage, row["amount"], evidence, is_fresh=is_fresh):
            found.append(f"{name}: {wrong}")

    return found


async def _receipt_page(connection: Connection, ispb: str, page: Sequence[_Row]) -> list[str]:
    fees = [postings.fee_id(ispb, row["end_to_end_id"]) for row in page]
    known = await _transfers(connection, [*(int_of(row["transfer_id"]) for row in page), *fees])
    found = []

    for row, fee_id in zip(page, fees, strict=True):
        transfer_id = int_of(row["transfer_id"])
        name = f"receipt {row['id']} ({row['end_to_end_id']})"
        if transfer_id != postings.pix_in_id(ispb, row["end_to_end_id"]):
            found.append(f"{name}: its transfer is not the one derived from its end-to-end id")
        elif wrong := _judge_credit(row, known) or _judge_fee(row["fee"], known.get(fee_id)):
            found.append(f"{name}: {wrong}")

    return found


async def _return_page(connection: Connection, ispb: str, page: Sequence[_Row]) -> list[str]:
    known = await _transfers(connection, [int_of(row["transfer_id"]) for row in page])
    found = []

    for row in page:
        if int_of(row["transfer_id"]) != refund_postings.payout_return_id(ispb, row["id"]):
            found.append(f"return {row['id']}: its transfer is not the one derived from its id")
        elif wrong := _judge_credit(row, known):
            found.append(f"return {row['id']}: {wrong}")

    return found


def _judge_credit(row: _Row, known: Mapping[int, _Transfer]) -> str | None:
    """What is wrong with money that came in, in words, or None."""
    transfer = known.get(int_of(row["transfer_id"]))
    if transfer is None:
        return "it has no transfer in the ledger"
    return None if transfer.amount == row["amount"] else "the ledger has another amount"


def _judge_fee(fee: int, transfer: _Transfer | None) -> str | None:
    """What is wrong with what was kept of a receipt, in words, or None."""
    kept = 0 if transfer is None else transfer.amount
    return None if kept == fee else f"the ledger has a fee of {kept} where the record has {fee}"


async def _transfers(connection: Connection, ids: Sequence[int]) -> dict[int, _Transfer]:
    wanted = [uuid_of(one) for one in ids]
    rows = await connection.fetch(_TRANSFERS, wanted, ARCHIVE_SECONDS_MAX)
    return {int_of(row["id"]): _Transfer(row["amount"], row["is_fresh"]) for row in rows}


def _ids_of(ispb: str, row: _Row) -> tuple[int, int, int]:
    """The ids of hold, post and void; an id depends on the end-to-end id alone."""
    end_to_end_id, amount, any_ledger = row["end_to_end_id"], row["amount"], 1
    return (
        postings.payout_hold_id(ispb, end_to_end_id),
        postings.payout_post(ispb, any_ledger, end_to_end_id, amount).id,
        postings.payout_void(ispb, any_ledger, end_to_end_id, amount).id,
    )
