"""What a book transfer, and money set aside, move in the ledger. Amounts in centavos.

| event | debit | credit |
|---|---|---|
| book transfer | 4.1.9.30 of the payer | 4.1.9.30 of the payee |
| the same, awaiting approval | as above, pending; then posted or voided | |
| block (MED, court order) | 4.1.9.30 of the customer | 4.1.9.30.10 of the customer |
| release | 4.1.9.30.10 of the customer | 4.1.9.30 of the customer |

Blocked money is in a ledger account of its own, made when it is first needed: it is still the
customer's, but no payment can reach it, and it cannot be released twice. Source: `pix.md`, COSIF.
"""

from fluxiq.domain.identifiers import derived_id
from fluxiq.domain.postings import AccountCode, TransferCode, customer_ledger_id, positive
from fluxiq.domain.records import AccountFlags, LedgerAccount, Transfer, TransferFlags
from fluxiq.domain.references import ulid_reference


def transfer_move(
    ispb: str, ledger: int, transfer_id: str, *, source: int, destination: int, amount: int
) -> Transfer:
    """Between the ledger ids of two customers' accounts, at once."""
    return Transfer(
        id=transfer_entry_id(ispb, transfer_id),
        ledger=ledger,
        code=TransferCode.BOOK_TRANSFER,
        debit_account_id=source,
        credit_account_id=destination,
        amount=positive(amount),
        user_data_128=ulid_reference(transfer_id),
    )


def transfer_hold(
    ispb: str, ledger: int, transfer_id: str, *, source: int, destination: int, amount: int
) -> Transfer:
    """Reserve the money until somebody decides. The hold never times out by itself: whether the
    time for approval is over is decided on paper, where it can be seen.
    """
    return Transfer(
        id=transfer_hold_id(ispb, transfer_id),
        ledger=ledger,
        code=TransferCode.BOOK_TRANSFER,
        debit_account_id=source,
        credit_account_id=destination,
        amount=positive(amount),
        flags=TransferFlags.PENDING,
        user_data_128=ulid_reference(transfer_id),
    )


def transfer_post(ispb: str, ledger: int, transfer_id: str, amount: int) -> Transfer:
    """Approved: the hold becomes the transfer, whole. Accounts and reference are the hold's."""
    return Transfer(
        id=transfer_entry_id(ispb, transfer_id),
        ledger=ledger,
        code=TransferCode.BOOK_TRANSFER,
        amount=positive(amount),
        pending_id=transfer_hold_id(ispb, transfer_id),
        flags=TransferFlags.POST_PENDING_TRANSFER,
    )


def transfer_void(ispb: str, ledger: int, transfer_id: str, amount: int) -> Transfer:
    """Declined: the hold is released, whole."""
    return Transfer(
        id=transfer_void_id(ispb, transfer_id),
        ledger=ledger,
        code=TransferCode.BOOK_TRANSFER,
        amount=positive(amount),
        pending_id=transfer_hold_id(ispb, transfer_id),
        flags=TransferFlags.VOID_PENDING_TRANSFER,
    )


def transfer_entry_id(ispb: str, transfer_id: str) -> int:
    """The ledger id of the movement itself, with or without a hold before it."""
    return derived_id(ispb, transfer_id, "transfer")


def transfer_hold_id(ispb: str, transfer_id: str) -> int:
    """The ledger id of the hold that waits for approval."""
    return derived_id(ispb, transfer_id, "hold")


def transfer_void_id(ispb: str, transfer_id: str) -> int:
    """The ledger id of what releases that hold."""
    return derived_id(ispb, transfer_id, "void")


def blocked_ledger_id(ispb: str, account_id: str) -> int:
    """The ledger id of the money set aside of the customer's account `acc_…`."""
    return derived_id(ispb, account_id, "blocked account")


def blocked_account(ispb: str, ledger: int, account_id: str) -> LedgerAccount:
    """To be created before money is first blocked. Nothing leaves it that was not put there."""
    return LedgerAccount(
        id=blocked_ledger_id(ispb, account_id),
        ledger=ledger,
        code=AccountCode.BLOCKED,
        flags=AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS,
    )


def block(ispb: str, ledger: int, case_id: str, account_id: str, amount: int) -> Transfer:
    """Set money aside for the case `case_id`, once. The ledger refuses more than is available."""
    return Transfer(
        id=derived_id(ispb, case_id, f"block {account_id}"),
        ledger=ledger,
        code=TransferCode.BLOCK,
        debit_account_id=customer_ledger_id(ispb, account_id),
        credit_account_id=blocked_ledger_id(ispb, account_id),
        amount=positive(amount),
    )


def release(ispb: str, ledger: int, case_id: str, account_id: str, amount: int) -> Transfer:
    """Give back what `case_id` had set aside, once. The ledger refuses more than is blocked."""
    return Transfer(
        id=derived_id(ispb, case_id, f"release {account_id}"),
        ledger=ledger,
        code=TransferCode.RELEASE,
        debit_account_id=blocked_ledger_id(ispb, account_id),
        credit_account_id=customer_ledger_id(ispb, account_id),
        amount=positive(amount),
    )
