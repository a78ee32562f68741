"""What every backend of ours keeps, and what is refused by name because one of them does not."""

from typing import Any

import pytest

from fluxiq.domain.ledger_records import AMOUNT_MAX, ID_MAX, Transfer, TransferFlags
from fluxiq.ledgers.limits import CENTAVOS_MAX, TRANSFERS_MAX, check_transfers
from tests.support.ledger_histories import linked, move, post, void


def hold(**fields: Any) -> Transfer:
    return move(50, 1, 2, 1, flags=TransferFlags.PENDING, **fields)


@pytest.mark.parametrize(
    ("transfer", "complaint"),
    [
        (move(50, 1, 2, 1, flags=TransferFlags.BALANCING_DEBIT), "BALANCING_DEBIT is not"),
        (move(50, 1, 2, 1, flags=TransferFlags.BALANCING_CREDIT), "BALANCING_CREDIT is not"),
        (move(50, 1, 2, 1, flags=TransferFlags.CLOSING_DEBIT), "transfer 32: CLOSING_DEBIT is not"),
        (move(50, 1, 2, 1, flags=TransferFlags.CLOSING_CREDIT), "CLOSING_CREDIT is not"),
        (move(50, 1, 2, 1, flags=TransferFlags.IMPORTED), "IMPORTED is not supported"),
        (move(50, 1, 2, 1, flags=TransferFlags(1 << 9)), "transfer 32: flags 0x200 is not"),
        (move(50, 1, 2, 1, flags=TransferFlags(1 << 15)), "flags 0x8000 is not supported"),
        (move(50, 1, 2, 1, flags=TransferFlags(1 << 9 | 1 << 4)), "flags 0x210 is not supported"),
        (move(1, 1, 2, 1), "transfer 1: an id that comes twice in one chain is not"),
        (hold(timeout=60), "a timeout of 60 s is not supported"),
        (move(50, 1, 2, CENTAVOS_MAX + 1), "out of range"),
        (post(50, 10, AMOUNT_MAX + 1), "out of range"),
        (move(50, 1, 2, -1), "out of range"),
        (move(-1, 1, 2, 1), "out of range"),
        (move(50, 1, 2, 1, ledger=2**32), "out of range"),
        (move(50, 1, 2, 1, code=2**16), "out of range"),
        (move(50, 1, 2, 1, user_data_64=2**64), "out of range"),
    ],
)
def test_what_not_every_backend_keeps_is_refused_by_name(
    transfer: Transfer, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_transfers(linked(move(1, 1, 2, 1), transfer))


def test_a_batch_has_the_size_of_a_request_at_most() -> None:
    check_transfers([hold()] * TRANSFERS_MAX)
    with pytest.raises(ValueError, match="8190 transfers"):
        check_transfers([hold()] * (TRANSFERS_MAX + 1))


def test_two_phases_chains_and_user_data_are_kept_and_strange_ids_have_answers() -> None:
    check_transfers(
        [
            *linked(hold(), post(51, 50), void(52, 50), move(53, 1, 2, CENTAVOS_MAX)),
            *linked(hold(), move(53, 1, 2, 1)),
            hold(),
            move(54, 1, 2, 0, user_data_128=2**128 - 1, user_data_64=2**64 - 1),
            move(0, ID_MAX, 0, 1, pending_id=ID_MAX),
        ]
    )
