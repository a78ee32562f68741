"""A large request is checked on its packed records, and the verdict is the one field by field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.domain.records import Transfer, TransferFlags
from fluxiq.ledgers.limits import CENTAVOS_MAX
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.writer.requests import PACKED_MIN, admit, check_request
from tests.unit.ledgers.conftest import Clock, House, Told

LEDGER = 0x01020304  # each of its four bytes must count
BATCH_MAX = PACKED_MIN + 8
FLAGS = [TransferFlags(bits) for bits in range(4 * TransferFlags.IMPORTED)]


def edges(bits: int, *more: int) -> st.SearchStrategy[int]:
    """Numbers at the ends of a field of so many bits, and just beyond."""
    return st.sampled_from([0, 1, 2**bits - 1, 2**bits, -1, *more])


STRANGE: dict[str, st.SearchStrategy[Any]] = {
    "id": st.one_of(edges(128), st.integers(1, 3)),
    "debit_account_id": edges(128),
    "credit_account_id": edges(128),
    "pending_id": edges(128),
    "amount": edges(128, *(2**bit for bit in range(0, 128, 8)), CENTAVOS_MAX, CENTAVOS_MAX + 1),
    "ledger": edges(32, LEDGER + 1, LEDGER ^ 0xFF00, LEDGER ^ 0xFF0000, LEDGER ^ 0xFF000000),
    "code": edges(16),
    "flags": st.sampled_from(FLAGS),
    "timeout": edges(32, 256, 2**16, 2**24),
    "user_data_128": edges(128),
    "user_data_64": edges(64),
    "user_data_32": edges(32),
    "timestamp": edges(64),
}
CHANGES = st.lists(
    st.tuples(st.integers(0, BATCH_MAX), st.sampled_from(sorted(STRANGE))).flatmap(
        lambda of: st.tuples(st.just(of[0]), st.just(of[1]), STRANGE[of[1]])
    ),
    max_size=3,
)


def plain(count: int) -> list[Transfer]:
    return [
        Transfer(
            id=number,
            ledger=LEDGER,
            code=1,
            debit_account_id=1,
            credit_account_id=2,
            amount=CENTAVOS_MAX,
            flags=TransferFlags.PENDING,
        )
        for number in range(1, count + 1)
    ]


def verdict(check: Any, transfers: list[Transfer]) -> str | None:
    try:
        check(transfers, LEDGER, BATCH_MAX)
    except ValueError as error:
        return str(error)
    return None


@given(st.integers(PACKED_MIN - 1, BATCH_MAX + 1), CHANGES)
def test_packed_and_field_by_field_give_the_same_verdict_in_the_same_words(
    count: int, changes: list[tuple[int, str, Any]]
) -> None:
    transfers = plain(count)
    for place, field, value in changes:
        if place < count:
            transfers[place] = replace(transfers[place], **{field: value})
    assert verdict(admit, transfers) == verdict(check_request, transfers)


@pytest.mark.parametrize(("field", "values"), list(STRANGE.items()))
def test_each_field_alone_gives_the_same_verdict(
    field: str, values: st.SearchStrategy[Any]
) -> None:
    @given(values)
    def alone(value: Any) -> None:
        transfers = plain(PACKED_MIN)
        transfers[-2] = replace(transfers[-2], **{field: value})
        assert verdict(admit, transfers) == verdict(check_request, transfers)

    alone()


def test_plain_transfers_come_back_packed_and_small_requests_and_chains_do_not() -> None:
    transfers = plain(PACKED_MIN)
    assert admit(transfers, LEDGER, BATCH_MAX) == pack_transfers(transfers)
    assert admit(transfers[1:], LEDGER, BATCH_MAX) is None
    transfers[0] = replace(transfers[0], flags=TransferFlags.LINKED)
    assert admit(transfers, LEDGER, BATCH_MAX) is None


async def test_packed_request_and_small_ones_share_a_batch_in_order(
    house: House, autojump_clock: Clock
) -> None:
    house.limit(batch_max=BATCH_MAX, waiting_max=2 * BATCH_MAX)
    await house.open(funds=2)
    first = house.pay(house.alice, house.bob, 1)
    many = [house.pay(house.settlement, house.alice, 1) for _ in range(PACKED_MIN)]
    last = house.pay(house.alice, house.bob, PACKED_MIN + 1)
    before, told = house.database.last_seq, [Told(), Told(), Told()]
    for transfers, one in zip(([first], many, [last]), told, strict=True):
        house.writer.put(transfers, one)
    await house.until(lambda: all(one.answers for one in told))
    assert [one.answers for one in told] == [
        [["created"]],
        [["created"] * PACKED_MIN],
        [["created"]],
    ]
    assert house.database.last_seq == before + 1
    assert house.database.batches[before + 1].transfers == [first, *many, last]
    await house.until(lambda: house.in_postgres(last))
    assert house.available() == 0
