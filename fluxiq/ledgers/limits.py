"""What a ledger is asked for: checked before anything is decided, and never ignored.

A post may say AMOUNT_MAX for "all of the hold". Every other amount, and every counter, fits into
the 63 bits that Postgres counts in.
"""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.records import AccountFlags, LedgerAccount, Transfer, TransferFlags

TRANSFERS_MAX: Final = 8189  # events in one request of TigerBeetle's
AMOUNT_MAX: Final = 2**128 - 1
CENTAVOS_MAX: Final = 2**63 - 1
ID_MAX: Final = 2**128 - 1  # reserved, as is 0

_RESOLVES = int(TransferFlags.POST_PENDING_TRANSFER | TransferFlags.VOID_PENDING_TRANSFER)
_SUPPORTED = int(TransferFlags.PENDING) | _RESOLVES
_LIMITS = int(
    AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS | AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS
)
# https://docs.tigerbeetle.com/reference/transfer/#flags
_UNSUPPORTED = {
    0: "LINKED",
    4: "BALANCING_DEBIT",
    5: "BALANCING_CREDIT",
    6: "CLOSING_DEBIT",
    7: "CLOSING_CREDIT",
    8: "IMPORTED",
}


def check_transfers(transfers: Sequence[Transfer]) -> None:
    """Raise ValueError for what no ledger here does: more than TRANSFERS_MAX transfers, flags
    beyond two-phase (named), account or hold ids of 2**128 - 1, numbers out of range.
    """
    if len(transfers) > TRANSFERS_MAX:
        raise ValueError(f"{len(transfers)} transfers in one batch, {TRANSFERS_MAX} are possible")

    for transfer in transfers:
        if unsupported := int(transfer.flags) & ~_SUPPORTED:
            names = _flag_names(unsupported)
            raise ValueError(f"transfer {transfer.id:x}: {names} is not supported")

        if not _fits(transfer):
            raise ValueError(f"transfer {transfer.id:x} has a number out of range: {transfer!r}")


def check_account(account: LedgerAccount, ledger: int) -> None:
    """Assert what TigerBeetle asks of a new account, and that it belongs to `ledger`."""
    assert 0 < account.id < ID_MAX, f"not an account's id: {account.id}"
    assert account.ledger == ledger, f"{account!r} does not belong to ledger {ledger}"
    assert 0 < account.code < 2**16, f"not an account's code: {account!r}"
    flags = int(account.flags)
    assert flags & ~_LIMITS == 0, f"flags beyond limits are not supported: {account!r}"
    assert flags != _LIMITS, f"only one side of an account is limited: {account!r}"


def assert_same_account(existing: LedgerAccount, wanted: LedgerAccount) -> None:
    """An id names one account for ever."""
    assert existing == wanted, f"the account exists and is different: {existing!r}, not {wanted!r}"


def _fits(transfer: Transfer) -> bool:
    """The transfer's own id may be 0 or the largest: TigerBeetle has an answer for that."""
    amount_max = AMOUNT_MAX if int(transfer.flags) & _RESOLVES else CENTAVOS_MAX
    return (
        0 <= transfer.id <= ID_MAX
        and 0 <= transfer.debit_account_id < ID_MAX
        and 0 <= transfer.credit_account_id < ID_MAX
        and 0 <= transfer.pending_id < ID_MAX
        and 0 <= transfer.amount <= amount_max
        and 0 <= transfer.ledger < 2**32
        and 0 <= transfer.code < 2**16
    )


def _flag_names(flags: int) -> str:
    bits = (bit for bit in range(flags.bit_length()) if flags >> bit & 1)
    return ", ".join(_UNSUPPORTED.get(bit, f"flag {bit}") for bit in bits)
