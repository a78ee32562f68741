"""What a refund and a returned payout move in the ledger. Amounts in centavos.

| event | debit | credit |
|---|---|---|
| first refund of a receipt | refund control | limit of the receipt, once: the amount received |
| refund held (pending) | limit of the receipt; 4.1.9.30 | refund control; 1.4.1.65 |
| refund completed | both holds are posted | |
| refund failed | both holds are voided | |
| PIX out returned | 1.4.1.65 | 4.1.9.30 of the customer |

**The ledger keeps the limit.** What may still be refunded of a receipt is the available balance of
an account of its own, which no debit may exceed. It is credited once with what was received (the
transfer's id is derived from the end-to-end id, so twice is once) and each refund holds its amount
there and at the customer in one linked chain: both holds exist or neither does. Of any number of
refunds at once, those that together exceed the receipt find the limit used up, in whichever process
they run and whichever ledger decides. A failed refund gives its room back with the money.

Sent twice, a chain answers EXISTS for its first transfer, and that speaks for all of it. So the
limit goes first: its status says how the chain as a whole fared, unless the customer's funds failed
it. Crediting the limit is not part of the chain, because it exists from the second refund on.
"""

from fluxiq.domain.identifiers import derived_id
from fluxiq.domain.postings import AccountCode, TransferCode, house_account_id, positive
from fluxiq.domain.records import AccountFlags, LedgerAccount, Refund, Transfer, TransferFlags
from fluxiq.domain.references import end_to_end_reference


def limit_account_id(ispb: str, end_to_end_id: str) -> int:
    """The ledger id of the account whose balance is what may still be refunded of a receipt."""
    return derived_id(ispb, end_to_end_id, "refund limit account")


def limit_account(ispb: str, ledger: int, end_to_end_id: str) -> LedgerAccount:
    return LedgerAccount(
        id=limit_account_id(ispb, end_to_end_id),
        ledger=ledger,
        code=AccountCode.REFUND_LIMIT,
        flags=AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS,
    )


def limit_credit(ispb: str, ledger: int, end_to_end_id: str, received: int) -> Transfer:
    """All of a receipt may be refunded, before its first refund."""
    return Transfer(
        id=derived_id(ispb, end_to_end_id, "refund limit"),
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        debit_account_id=house_account_id(ispb, AccountCode.REFUND_CONTROL),
        credit_account_id=limit_account_id(ispb, end_to_end_id),
        amount=positive(received),
    )


def refund_hold(
    ispb: str, ledger: int, refund: Refund, customer_ledger_id: int
) -> tuple[Transfer, Transfer]:
    """Reserve room in the receipt's limit, and the customer's money: a chain. Like a payout's, the
    holds never time out.
    """
    limit = Transfer(
        id=refund_limit_hold_id(ispb, refund.return_id),
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        debit_account_id=limit_account_id(ispb, refund.end_to_end_id),
        credit_account_id=house_account_id(ispb, AccountCode.REFUND_CONTROL),
        amount=positive(refund.amount),
        flags=TransferFlags.PENDING | TransferFlags.LINKED,
    )
    money = Transfer(
        id=refund_hold_id(ispb, refund.return_id),
        ledger=ledger,
        code=TransferCode.PIX_REFUND,
        debit_account_id=customer_ledger_id,
        credit_account_id=house_account_id(ispb, AccountCode.SETTLEMENT),
        amount=positive(refund.amount),
        flags=TransferFlags.PENDING,
        user_data_128=end_to_end_reference(refund.return_id),
    )
    return limit, money


def refund_post(ispb: str, ledger: int, refund: Refund) -> tuple[Transfer, Transfer]:
    """The refund settled: both holds are posted, whole, in a chain."""
    return _resolve(ispb, ledger, refund, TransferFlags.POST_PENDING_TRANSFER)


def refund_void(ispb: str, ledger: int, refund: Refund) -> tuple[Transfer, Transfer]:
    """The refund failed: both holds are released, whole, in a chain."""
    return _resolve(ispb, ledger, refund, TransferFlags.VOID_PENDING_TRANSFER)


def payout_return(
    ispb: str,
    ledger: int,
    end_to_end_id: str,
    customer_ledger_id: int,
    *,
    return_id: str,
    amount: int,
) -> Transfer:
    """The payout `end_to_end_id` came back, or a part of it: the payee's institution returned it as
    `return_id`, an id of that institution's. So the reference is the payout's.
    """
    return Transfer(
        id=payout_return_id(ispb, return_id),
        ledger=ledger,
        code=TransferCode.PIX_OUT_RETURN,
        debit_account_id=house_account_id(ispb, AccountCode.SETTLEMENT),
        credit_account_id=customer_ledger_id,
        amount=positive(amount),
        user_data_128=end_to_end_reference(end_to_end_id),
    )


def payout_return_id(ispb: str, return_id: str) -> int:
    """The ledger id of what came back of a payout."""
    return derived_id(ispb, return_id, "return")


def refund_hold_id(ispb: str, return_id: str) -> int:
    """The ledger id of the hold of a refund's money."""
    return derived_id(ispb, return_id, "hold")


def refund_limit_hold_id(ispb: str, return_id: str) -> int:
    """The ledger id of the hold of a refund's room in its receipt's limit."""
    return derived_id(ispb, return_id, "limit hold")


def refund_transfer_ids(ispb: str, return_id: str) -> tuple[int, int, int]:
    """The ledger ids of the hold, post and void of a refund's money."""
    return (
        refund_hold_id(ispb, return_id),
        derived_id(ispb, return_id, "post"),
        derived_id(ispb, return_id, "void"),
    )


def _resolve(
    ispb: str, ledger: int, refund: Refund, flags: TransferFlags
) -> tuple[Transfer, Transfer]:
    verb = "post" if flags & TransferFlags.POST_PENDING_TRANSFER else "void"
    limit = Transfer(
        id=derived_id(ispb, refund.return_id, f"limit {verb}"),
        ledger=ledger,
        code=TransferCode.REFUND_LIMIT,
        amount=positive(refund.amount),
        pending_id=refund_limit_hold_id(ispb, refund.return_id),
        flags=flags | TransferFlags.LINKED,
    )
    money = Transfer(
        id=derived_id(ispb, refund.return_id, verb),
        ledger=ledger,
        code=TransferCode.PIX_REFUND,
        amount=positive(refund.amount),
        pending_id=refund_hold_id(ispb, refund.return_id),
        flags=flags,
    )
    return limit, money
