"""Book transfers and accounts to put into a store, with only what a test cares about said."""

from datetime import timedelta
from typing import Any

import msgspec

from fluxiq.domain.transfer import BookTransfer, FailureCode, TransferStage
from fluxiq.ports import Idempotency
from fluxiq.ports.transfers import TransferMoved, TransferOpening
from tests.support.store_records import ACCOUNT, MERCHANT, NOW, at, event, idempotency, new_id

OTHER_ACCOUNT = "acc_00000000000000000000000002"
MAKER, CHECKER = "key_maker", "key_checker"


def transfer(**said: Any) -> BookTransfer:
    """R$ 5.00 from ACCOUNT to OTHER_ACCOUNT, on paper only."""
    created_at = said.pop("created_at", NOW)
    made = BookTransfer(
        id=new_id("xfer"),
        merchant_id=MERCHANT,
        source_account_id=ACCOUNT,
        destination_account_id=OTHER_ACCOUNT,
        amount=5_00,
        description="rent",
        stage=TransferStage.CREATED,
        created_by=MAKER,
        created_at=created_at,
        updated_at=created_at,
        metadata={"house": 7},
    )
    return msgspec.structs.replace(made, **said)


def to_approve(**said: Any) -> BookTransfer:
    """The same, for somebody else to approve within an hour."""
    return transfer(expires_at=NOW + timedelta(hours=1), **said)


def opening(made: BookTransfer, under: Idempotency | None = None) -> TransferOpening:
    return TransferOpening(transfer=made, idempotency=under or idempotency())


def moved(made: BookTransfer, stage: TransferStage, **said: Any) -> TransferMoved:
    """`made` leaves its stage for `stage`; what that stage needs is filled in."""
    ended_at = said.pop("at", at(1))
    changes: dict[str, Any] = {"stage": stage, "updated_at": ended_at}
    if stage is TransferStage.COMPLETED:
        changes["completed_at"] = ended_at
    if stage in {TransferStage.FAILED, TransferStage.DECLINED} and made.failure_code is None:
        changes["failure_code"] = FailureCode.INSUFFICIENT_FUNDS
    changes["decided_by"] = said.pop("decided_by", made.decided_by)
    return TransferMoved(
        transfer=msgspec.structs.replace(made, **changes),
        before=made.stage,
        actor=said.pop("actor", made.created_by),
        events=said.pop("events", (event(f"transfer.{stage}"),)),
        response=said.pop("response", b"{}" if made.stage is TransferStage.CREATED else None),
        refused=stage is TransferStage.FAILED,
    )
