"""What a fraud report moves in the ledger. Amounts in centavos.

| event | debit | credit |
|---|---|---|
| blocked | limit of the receipt (pending); 4.1.9.30 | refund control; 4.1.9.30.10 |
| released | the limit's hold is voided; 4.1.9.30.10 | 4.1.9.30 |
| returned | as released, then as a refund is held (`domain.refund_postings`) | |
| return rejected | as a refund that failed is voided, then as blocked | |

Each is one linked chain. Blocking takes its room in the receipt's refund limit, so refunds and
reports together never take more than was received, whoever comes first. What is returned, or comes
back rejected, passes 4.1.9.30 inside the chain: nobody can spend it in between.
"""

from typing import NamedTuple

from msgspec.structs import replace

from fluxiq.domain.identifiers import derived_id
from fluxiq.domain.med import MedReport
from fluxiq.domain.postings import (
    AccountCode,
    TransferCode,
    customer_ledger_id,
    house_account_id,
    positive,
)
from fluxiq.domain.records import Refund, Transfer, TransferFlags
from fluxiq.domain.refund_postings import limit_account_id, refund_hold, refund_void
from fluxiq.domain.transfer_postings import blocked_ledger_id


def med_block(ispb: str, ledger: int, report: MedReport) -> tuple[Transfer, Transfer]:
    """Set `blocked_amount` aside, in this attempt. The ledger refuses more than is left of the
    receipt, and more than the account has available.
    """
    names = _names(ispb, report)
    return _block(ispb, ledger, names, report, report.blocked_amount)


def med_release(ispb: str, ledger: int, report: MedReport) -> tuple[Transfer, Transfer]:
    """All that is blocked is the customer's again."""
    names = _names(ispb, report)
    limit = Transfer(
        id=names.limit_void,
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        amount=positive(report.blocked_amount),
        pending_id=names.limit_hold,
        flags=TransferFlags.VOID_PENDING_TRANSFER | TransferFlags.LINKED,
    )
    money = Transfer(
        id=names.release,
        ledger=ledger,
        code=TransferCode.RELEASE,
        debit_account_id=blocked_ledger_id(ispb, report.account_id),
        credit_account_id=customer_ledger_id(ispb, report.account_id),
        amount=positive(report.blocked_amount),
    )
    return limit, money


def med_return(
    ispb: str, ledger: int, report: MedReport, refund: Refund
) -> tuple[Transfer, Transfer, Transfer, Transfer]:
    """What is blocked becomes the held money of `refund`; the rest is the customer's again."""
    voided, released = med_release(ispb, ledger, report)
    customer = customer_ledger_id(ispb, report.account_id)
    limit, money = refund_hold(ispb, ledger, refund, customer)
    return voided, replace(released, flags=TransferFlags.LINKED), limit, money


def med_return_rejected(
    ispb: str, ledger: int, refund: Refund
) -> tuple[Transfer, Transfer, Transfer, Transfer]:
    """The provider rejected the `refund` of a report: its money and its room are blocked again."""
    voided, given_back = refund_void(ispb, ledger, refund)
    names = _names_after(ispb, refund.id)
    limit, money = _block(ispb, ledger, names, refund, refund.amount)
    linked = replace(given_back, flags=given_back.flags | TransferFlags.LINKED)
    return voided, linked, limit, money


class _Names(NamedTuple):
    """The ledger ids of what makes a block and ends it."""

    limit_hold: int
    block: int
    limit_void: int
    release: int


def _names(ispb: str, report: MedReport) -> _Names:
    """Of the block that stands, or is asked for: each has its own, or the ledger would take the
    second of a report for the first.
    """
    if report.failed_refund_id is not None:
        return _names_after(ispb, report.failed_refund_id)
    return _Names(
        limit_hold=derived_id(ispb, report.id, f"limit hold {report.attempt}"),
        block=derived_id(ispb, report.id, f"block {report.attempt}"),
        limit_void=derived_id(ispb, report.id, "limit void"),
        release=derived_id(ispb, report.id, "release"),
    )


def _names_after(ispb: str, failed_refund_id: str) -> _Names:
    return _Names(
        limit_hold=derived_id(ispb, failed_refund_id, "limit hold again"),
        block=derived_id(ispb, failed_refund_id, "block again"),
        limit_void=derived_id(ispb, failed_refund_id, "limit void again"),
        release=derived_id(ispb, failed_refund_id, "release again"),
    )


def _block(
    ispb: str, ledger: int, names: _Names, whose: MedReport | Refund, amount: int
) -> tuple[Transfer, Transfer]:
    limit = Transfer(
        id=names.limit_hold,
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        debit_account_id=limit_account_id(ispb, whose.end_to_end_id),
        credit_account_id=house_account_id(ispb, AccountCode.REFUND_CONTROL),
        amount=positive(amount),
        flags=TransferFlags.PENDING | TransferFlags.LINKED,
    )
    money = Transfer(
        id=names.block,
        ledger=ledger,
        code=TransferCode.BLOCK,
        debit_account_id=customer_ledger_id(ispb, whose.account_id),
        credit_account_id=blocked_ledger_id(ispb, whose.account_id),
        amount=positive(amount),
    )
    return limit, money
