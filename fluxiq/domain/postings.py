"""Which accounts a payment moves, in COSIF's plan. Amounts in centavos.

| event | debit | credit |
|---|---|---|
| PIX in | 1.4.1.65 | 4.1.9.30 of the customer |
| PIX in, account unknown | 1.4.1.65 | 4.9.9.92 |
| fee for PIX in, linked to it | 4.1.9.30 of the customer | 7.1.7.05 |
| PIX out held | 4.1.9.30 of the customer | 1.4.1.65, both pending |
| PIX out settled | the hold is posted | |
| PIX out rejected | the hold is voided | |
| PIX out returned | 1.4.1.65 | 4.1.9.30 of the customer |
| PIX in refunded | as PIX out; its limit is in `domain.refund_postings` | |
| book transfer, block, release | in `domain.transfer_postings` | |

COSIF's internal subtitle 4.1.9.30.20 (reserved for PIX out) is the pending debits of 4.1.9.30: the
ledger counts them beside the balance and checks the funds in the same step, so it needs no account.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from msgspec.structs import replace

from fluxiq.domain.identifiers import derived_id
from fluxiq.domain.records import AccountFlags, LedgerAccount, Transfer, TransferFlags
from fluxiq.domain.references import end_to_end_reference


class AccountCode(IntEnum):
    """The role of a ledger account, as the ledger stores it (16 bits). Numbers are for ever."""

    SETTLEMENT = 1
    CUSTOMER = 2
    UNIDENTIFIED = 3
    REFUND_CONTROL = 4
    REFUND_LIMIT = 5
    BLOCKED = 6
    FEE_INCOME = 7


class TransferCode(IntEnum):
    """What a transfer is for, as the ledger stores it (16 bits). Numbers are for ever."""

    PIX_IN = 1
    PIX_IN_UNIDENTIFIED = 2
    PIX_OUT = 3
    PIX_OUT_RETURN = 4
    PIX_REFUND = 5
    REFUND_LIMIT = 6
    BOOK_TRANSFER = 7
    BLOCK = 8
    RELEASE = 9
    FEE = 10


# They hold no money, they count what may still be done with some: in no COSIF report.
CONTROL = frozenset({AccountCode.REFUND_CONTROL, AccountCode.REFUND_LIMIT})

COSIF: Mapping[AccountCode, str] = MappingProxyType(
    {
        AccountCode.SETTLEMENT: "1.4.1.65.00.00-7",
        AccountCode.CUSTOMER: "4.1.9.30.00.00-9",
        AccountCode.UNIDENTIFIED: "4.9.9.92.00.00-3",
        AccountCode.BLOCKED: "4.1.9.30.10.00-6",
        AccountCode.FEE_INCOME: "7.1.7.05.00.00-0",
    }
)
COSIF_HOLD = "4.1.9.30.20.00-3"

# A customer may not spend what is not there: the ledger itself refuses, inside the transfer.
_FLAGS: Mapping[AccountCode, AccountFlags] = MappingProxyType(
    {
        AccountCode.SETTLEMENT: AccountFlags.NONE,
        AccountCode.CUSTOMER: AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS,
        AccountCode.UNIDENTIFIED: AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS,
        AccountCode.REFUND_CONTROL: AccountFlags.NONE,
        AccountCode.FEE_INCOME: AccountFlags.NONE,
    }
)
_HOUSE = (
    AccountCode.SETTLEMENT,
    AccountCode.UNIDENTIFIED,
    AccountCode.REFUND_CONTROL,
    AccountCode.FEE_INCOME,
)


def house_account_id(ispb: str, code: AccountCode) -> int:
    """The ledger id of the one account that the institution has for this role."""
    assert code in _HOUSE, f"{code.name} is not one account of the house"
    name = code.name.lower() if code in CONTROL else COSIF[code]
    return derived_id(ispb, name, "account")


def house_accounts(ispb: str, ledger: int) -> tuple[LedgerAccount, ...]:
    """The institution's own accounts, to be created before its first payment."""
    return tuple(
        LedgerAccount(id=house_account_id(ispb, code), ledger=ledger, code=code, flags=_FLAGS[code])
        for code in _HOUSE
    )


def customer_ledger_id(ispb: str, account_id: str) -> int:
    """The ledger id of a customer's account `acc_…`."""
    return derived_id(ispb, account_id, "account")


def customer_account(ledger_id: int, ledger: int) -> LedgerAccount:
    """A customer's account; the ledger keeps it from going below zero, holds included."""
    code = AccountCode.CUSTOMER
    return LedgerAccount(id=ledger_id, ledger=ledger, code=code, flags=_FLAGS[code])


def pix_in(
    ispb: str, ledger: int, end_to_end_id: str, customer_ledger_id: int, amount: int
) -> Transfer:
    """Money received for a customer.

    Shares its id with `pix_in_unidentified`: whatever is decided the second time, one end-to-end id
    credits once. A different decision answers EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID, and what was
    done first stands.
    """
    return Transfer(
        id=pix_in_id(ispb, end_to_end_id),
        ledger=ledger,
        code=TransferCode.PIX_IN,
        debit_account_id=house_account_id(ispb, AccountCode.SETTLEMENT),
        credit_account_id=customer_ledger_id,
        amount=positive(amount),
    )


def pix_in_less_fee(
    ispb: str, ledger: int, end_to_end_id: str, customer_ledger_id: int, *, amount: int, fee: int
) -> tuple[Transfer, Transfer]:
    """Money received for a customer, whole, and what the institution keeps of it: a chain, so there
    is no receipt without its fee and no fee without its receipt.

    The credit goes first and pays for the fee. Its id is `pix_in`'s, and its flag tells them apart:
    whichever of the two is on the books, the other answers EXISTS_WITH_DIFFERENT_FLAGS. Sent again
    with another fee it answers EXISTS: the fee that went with it first is the one that stands.
    """
    received = replace(
        pix_in(ispb, ledger, end_to_end_id, customer_ledger_id, amount), flags=TransferFlags.LINKED
    )
    kept = Transfer(
        id=fee_id(ispb, end_to_end_id),
        ledger=ledger,
        code=TransferCode.FEE,
        debit_account_id=customer_ledger_id,
        credit_account_id=house_account_id(ispb, AccountCode.FEE_INCOME),
        amount=positive(fee),
        user_data_128=pix_in_id(ispb, end_to_end_id),
    )
    assert fee <= amount, f"a fee of {fee} centavos is more than the {amount} received"
    return received, kept


def pix_in_unidentified(ispb: str, ledger: int, end_to_end_id: str, amount: int) -> Transfer:
    """Money received for nobody we know: a creditor to be found, or the money given back."""
    return Transfer(
        id=pix_in_id(ispb, end_to_end_id),
        ledger=ledger,
        code=TransferCode.PIX_IN_UNIDENTIFIED,
        debit_account_id=house_account_id(ispb, AccountCode.SETTLEMENT),
        credit_account_id=house_account_id(ispb, AccountCode.UNIDENTIFIED),
        amount=positive(amount),
    )


def payout_hold(
    ispb: str, ledger: int, end_to_end_id: str, customer_ledger_id: int, amount: int
) -> Transfer:
    """Reserve a payout's money. The hold never times out: it was promised to a counterparty, and
    only its workflow posts or voids it.
    """
    return Transfer(
        id=payout_hold_id(ispb, end_to_end_id),
        ledger=ledger,
        code=TransferCode.PIX_OUT,
        debit_account_id=customer_ledger_id,
        credit_account_id=house_account_id(ispb, AccountCode.SETTLEMENT),
        amount=positive(amount),
        flags=TransferFlags.PENDING,
        user_data_128=end_to_end_reference(end_to_end_id),
    )


def payout_post(ispb: str, ledger: int, end_to_end_id: str, amount: int) -> Transfer:
    """The payout settled: the hold becomes the payment, whole. Accounts are the hold's."""
    return Transfer(
        id=derived_id(ispb, end_to_end_id, "post"),
        ledger=ledger,
        code=TransferCode.PIX_OUT,
        amount=positive(amount),
        pending_id=payout_hold_id(ispb, end_to_end_id),
        flags=TransferFlags.POST_PENDING_TRANSFER,
    )


def payout_void(ispb: str, ledger: int, end_to_end_id: str, amount: int) -> Transfer:
    """The payout failed: the hold is released, whole. Accounts are the hold's."""
    return Transfer(
        id=derived_id(ispb, end_to_end_id, "void"),
        ledger=ledger,
        code=TransferCode.PIX_OUT,
        amount=positive(amount),
        pending_id=payout_hold_id(ispb, end_to_end_id),
        flags=TransferFlags.VOID_PENDING_TRANSFER,
    )


def pix_in_id(ispb: str, end_to_end_id: str) -> int:
    """The ledger id of a receipt, for its record."""
    return derived_id(ispb, end_to_end_id, "in")


def fee_id(ispb: str, end_to_end_id: str) -> int:
    """The ledger id of what was kept of a receipt."""
    return derived_id(ispb, end_to_end_id, "fee")


def payout_hold_id(ispb: str, end_to_end_id: str) -> int:
    """The ledger id of a payout's hold, for its record and for look-ups."""
    return derived_id(ispb, end_to_end_id, "hold")


def positive(amount: int) -> int:
    """The same amount, which moves something."""
    assert amount > 0, f"a transfer of {amount} centavos moves nothing"
    return amount
