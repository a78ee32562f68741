"""What a fraud report moves in the ledger. Amounts in centavos.

| event | debit | credit |
|---|---|---|
| blocked | limit of the receipt (pending); 4.1.9.30 | refund control; 4.1.9.30.10 |
| released | the limit's hold is voided; 4.1.9.30.10 | 4.1.9.30 |
| returned | as released, then as a refund is held (`domain.refund_postings`) | |

Each is one linked chain. Blocking takes its room in the receipt's refund limit, so refunds and
reports together never take more than was received, whoever comes first. What is returned passes
4.1.9.30 inside the chain: nobody can spend it in between.
"""

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
from fluxiq.domain.refund_postings import limit_account_id, refund_hold
from fluxiq.domain.transfer_postings import blocked_ledger_id


def med_block(ispb: str, ledger: int, report: MedReport) -> tuple[Transfer, Transfer]:
    """Set `blocked_amount` aside, in this attempt. The ledger refuses more than is left of the
    receipt, and more than the account has available.
    """
    limit = Transfer(
        id=_limit_hold_id(ispb, report),
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        debit_account_id=limit_account_id(ispb, report.end_to_end_id),
        credit_account_id=house_account_id(ispb, AccountCode.REFUND_CONTROL),
        amount=positive(report.blocked_amount),
        flags=TransferFlags.PENDING | TransferFlags.LINKED,
    )
    money = Transfer(
        id=derived_id(ispb, report.id, f"block {report.attempt}"),
        ledger=ledger,
        code=TransferCode.BLOCK,
        debit_account_id=customer_ledger_id(ispb, report.account_id),
        credit_account_id=blocked_ledger_id(ispb, report.account_id),
        amount=positive(report.blocked_amount),
    )
    return limit, money


def med_release(ispb: str, ledger: int, report: MedReport) -> tuple[Transfer, Transfer]:
    """All that is blocked is the customer's again."""
    limit = Transfer(
        id=derived_id(ispb, report.id, "limit void"),
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        amount=positive(report.blocked_amount),
        pending_id=_limit_hold_id(ispb, report),
        flags=TransferFlags.VOID_PENDING_TRANSFER | TransferFlags.LINKED,
    )
    money = Transfer(
        id=derived_id(ispb, report.id, "release"),
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


def _limit_hold_id(ispb: str, report: MedReport) -> int:
    return derived_id(ispb, report.id, f"limit hold {report.attempt}")
