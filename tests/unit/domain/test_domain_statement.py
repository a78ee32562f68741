"""What an account's statement calls each movement, and which indexes it is read by."""

import re
from datetime import UTC, datetime

import pytest

from fluxiq.domain.postings import TransferCode
from fluxiq.domain.statement import KINDS, LineKind, Movement
from fluxiq.stores import statements
from fluxiq.stores.migrate import MIGRATIONS

MIGRATION = MIGRATIONS / "institution" / "0006_transfers" / "up.sql"
# The income of fees came later, and the index was not built anew (migration 0026_fees).
KEPT_ALL_THE_SAME = {TransferCode.FEE}


def movement(code: TransferCode, amount: int) -> Movement:
    return Movement(
        id=1,
        timestamp=1_767_225_600_123_456_789,
        code=code,
        amount=amount,
        running=amount,
        reference=None,
        description="",
    )


def test_every_kind_of_transfer_has_its_words() -> None:
    assert set(KINDS) == set(TransferCode)
    said = {kind for kinds in KINDS.values() for kind in kinds if kind is not None}
    assert said == set(LineKind)


@pytest.mark.parametrize(
    ("code", "amount", "kind"),
    [
        (TransferCode.PIX_IN, 1, LineKind.PIX_IN),
        (TransferCode.PIX_OUT, -1, LineKind.PIX_OUT),
        (TransferCode.BOOK_TRANSFER, -1, LineKind.TRANSFER_OUT),
        (TransferCode.BOOK_TRANSFER, 1, LineKind.TRANSFER_IN),
        (TransferCode.PIX_REFUND, -1, LineKind.REFUND),
        (TransferCode.BLOCK, -1, LineKind.BLOCK),
        (TransferCode.RELEASE, 1, LineKind.RELEASE),
        (TransferCode.FEE, -1, LineKind.FEE),
    ],
)
def test_a_movement_is_named_as_the_account_sees_it(
    code: TransferCode, amount: int, kind: LineKind
) -> None:
    assert movement(code, amount).kind is kind


def test_a_side_that_no_customer_can_be_on_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        _ = movement(TransferCode.PIX_IN, -1).kind


def test_a_movement_is_told_to_the_microsecond() -> None:
    at = movement(TransferCode.PIX_IN, 1).at
    assert at == datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(("side", "column"), [(0, "debit"), (1, "credit")])
def test_indexes_and_queries_leave_out_the_sides_that_are_never_a_customers(
    side: int, column: str
) -> None:
    house = sorted(
        code.value
        for code, kinds in KINDS.items()
        if kinds[side] is None and code not in KEPT_ALL_THE_SAME
    )
    said = f"flags & 10 = 0 AND code NOT IN ({', '.join(map(str, house))})"

    [index] = re.findall(rf"\({column}_account_id, timestamp\)[^;]*;", MIGRATION.read_text())
    assert said in index
    assert f"{column}_account_id = $1 AND {said}" in statements._FIRST
    assert said in statements._HEAD
