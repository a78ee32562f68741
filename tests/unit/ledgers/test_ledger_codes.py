"""A ledger number is an institution's own: nothing of another leaves by any way there is.

Refused in pairs: where it is admitted, as records, and where it is sent, as bytes, so that neither
a bug before the journal nor a row in the journal reaches another institution's ledger.
"""

import pytest

from fluxiq.domain.records import LedgerAccount, Transfer, TransferFlags
from fluxiq.ledgers.limits import check_account
from fluxiq.ledgers.tigerbeetle.records import first_foreign, pack_transfers
from fluxiq.ledgers.writer.requests import PACKED_MIN, admit

OWN, OTHER = 7, 8
BATCH_MAX = 8189


def transfer(id_: int, ledger: int = OWN, flags: TransferFlags = TransferFlags.NONE) -> Transfer:
    return Transfer(
        id=id_, ledger=ledger, code=1, debit_account_id=1, credit_account_id=2, amount=5,
        flags=flags,
    )  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, PACKED_MIN - 1, PACKED_MIN, 1000])
@pytest.mark.parametrize("place", ["first", "last"])
def test_one_transfer_of_another_ledger_keeps_a_request_out(count: int, place: str) -> None:
    """Few are looked at one by one, many on their records: both ways find it, wherever it is."""
    own = [transfer(number + 1) for number in range(count)]
    admit(own, OWN, BATCH_MAX)

    foreign = transfer(9999, OTHER)
    mixed = [foreign, *own[1:]] if place == "first" else [*own[:-1], foreign]
    with pytest.raises(ValueError, match="is of ledger 8, this is 7"):
        admit(mixed, OWN, BATCH_MAX)


@pytest.mark.parametrize(
    "flags", [TransferFlags.POST_PENDING_TRANSFER, TransferFlags.VOID_PENDING_TRANSFER]
)
def test_an_end_of_a_hold_says_its_ledger_too(flags: TransferFlags) -> None:
    """TigerBeetle would take 0 for the hold's own: here nothing is left to be guessed."""
    ends = [transfer(1, 0, flags)]
    with pytest.raises(ValueError, match="is of ledger 0, this is 7"):
        admit(ends, OWN, BATCH_MAX)
    assert first_foreign(pack_transfers(ends), OWN) == 0


@pytest.mark.parametrize("place", [0, 1, 500, 999])
def test_bytes_that_are_sent_are_looked_at_again(place: int) -> None:
    records = [transfer(number + 1) for number in range(1000)]
    assert first_foreign(pack_transfers(records), OWN) is None
    records[place] = transfer(9999, OTHER)
    assert first_foreign(pack_transfers(records), OWN) == place


def test_an_account_of_another_ledger_is_a_bug() -> None:
    check_account(LedgerAccount(id=1, ledger=OWN, code=1), OWN)
    with pytest.raises(AssertionError, match="does not belong to ledger 7"):
        check_account(LedgerAccount(id=1, ledger=OTHER, code=1), OWN)
