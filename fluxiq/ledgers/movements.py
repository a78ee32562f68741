"""What a transfer that was applied did to the counters of its two accounts."""

from typing import Final

from fluxiq.domain.ledger_records import Balance, Transfer, TransferFlags

_PENDING: Final = int(TransferFlags.PENDING)
_POST: Final = int(TransferFlags.POST_PENDING_TRANSFER)


def halves_moved(transfer: Transfer, hold: Transfer | None) -> tuple[int, int]:
    """How much it added to the pending and to the posted half of the debit account's debits, and of
    the credit account's credits, in centavos; `hold` is what it posted or voided.
    """
    flags = int(transfer.flags)
    if hold is not None:
        return -hold.amount, transfer.amount if flags & _POST else 0
    if flags & _PENDING:
        return transfer.amount, 0

    return 0, transfer.amount


def after(
    balance: Balance, transfer: Transfer, hold: Transfer | None, *, timestamp: int = 0
) -> Balance:
    """The balance of one of the two accounts once `transfer` was applied to it."""
    pending, posted = halves_moved(transfer, hold)
    return _moved(balance, transfer, pending, posted, timestamp)


def released(balance: Balance, hold: Transfer) -> Balance:
    """The balance of one of the two accounts once the time of `hold` was over."""
    return _moved(balance, hold, -hold.amount, 0, 0)


def _moved(
    balance: Balance, transfer: Transfer, pending: int, posted: int, timestamp: int
) -> Balance:
    debits = balance.account_id == transfer.debit_account_id
    assert debits or balance.account_id == transfer.credit_account_id, "not an account of it"
    return Balance(
        account_id=balance.account_id,
        debits_pending=balance.debits_pending + (pending if debits else 0),
        debits_posted=balance.debits_posted + (posted if debits else 0),
        credits_pending=balance.credits_pending + (0 if debits else pending),
        credits_posted=balance.credits_posted + (0 if debits else posted),
        timestamp=timestamp,
    )
