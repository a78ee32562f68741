"""The proof of the book transfers: every record beside its entries in the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from fluxiq.domain.transfer import TransferStage
from fluxiq.domain.transfer_postings import transfer_entry_id, transfer_hold_id, transfer_void_id
from fluxiq.stores.pool import Connection, int_of, uuid_of

TRANSFERS: Final = """
SELECT id, amount, stage, expires_at IS NOT NULL AS needs_approval FROM transfers
WHERE id > $1 ORDER BY id LIMIT $2
"""

_ENTRIES: Final = """
SELECT id, amount, timestamp >= (extract(epoch FROM now()) - $2) * 1000000000 AS is_fresh
FROM ledger_transfers WHERE id = ANY ($1::uuid[])
"""

# Between ledger and paper lies a moment, or a crash that the sweep soon finds.
PAPER_SECONDS_MAX: Final = 60.0

_S = TransferStage


class TransferEvidence(Struct, frozen=True):
    """The amounts of a transfer's entries in the ledger; None where there is no such entry."""

    hold: int | None
    entry: int | None
    void: int | None


def judge_transfer(
    stage: TransferStage, amount: int, found: TransferEvidence, *, is_held: bool, is_fresh: bool
) -> str | None:
    """What is wrong with a transfer, in words, or None. `is_held`: it needs approval; `is_fresh`: a
    moment ago the ledger moved.
    """
    held, moved, voided = (one is not None for one in (found.hold, found.entry, found.void))
    is_waiting = stage in {_S.CREATED, _S.PENDING, _S.APPROVED, _S.DECLINED}
    complaints = {
        "the ledger has another amount": not {found.hold, found.entry, found.void}
        <= {None, amount},
        "it was both carried out and voided": moved and voided,
        f"it is {stage} but was not carried out": stage is _S.COMPLETED and not moved,
        "it was approved without a hold": is_held and moved and not held,
        "it is failed but was carried out": stage is _S.FAILED and moved,
        "it is failed but its hold lives": stage is _S.FAILED and held and not voided,
        f"it is {stage} without a hold": is_held
        and stage in {_S.PENDING, _S.APPROVED, _S.DECLINED}
        and not held,
        f"it is {stage} but has ended": is_waiting and (moved or voided) and not is_fresh,
    }
    return "; ".join(words for words, is_so in complaints.items() if is_so) or None


async def judge_page(
    connection: Connection, ispb: str, page: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What is wrong with the transfers of a page, in words."""
    ids = [_ids_of(ispb, row["id"]) for row in page]
    wanted = [uuid_of(one) for three in ids for one in three]
    rows = await connection.fetch(_ENTRIES, wanted, PAPER_SECONDS_MAX)
    known = {int_of(row["id"]): row for row in rows}
    found = []

    for row, three in zip(page, ids, strict=True):
        entries = [known.get(one) for one in three]
        evidence = TransferEvidence(*(None if one is None else one["amount"] for one in entries))
        wrong = judge_transfer(
            TransferStage(row["stage"]),
            row["amount"],
            evidence,
            is_held=row["needs_approval"],
            is_fresh=any(one is not None and one["is_fresh"] for one in entries),
        )
        if wrong is not None:
            found.append(f"transfer {row['id']}: {wrong}")

    return found


def _ids_of(ispb: str, transfer_id: str) -> tuple[int, int, int]:
    return (
        transfer_hold_id(ispb, transfer_id),
        transfer_entry_id(ispb, transfer_id),
        transfer_void_id(ispb, transfer_id),
    )
