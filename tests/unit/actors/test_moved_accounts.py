"""Accounts that moved: noted once however often, holds remembered, and never without bound."""

import pytest
import trio

from actors import moved_accounts
from actors.moved_accounts import Moved, MovedAccounts, TellingLedger
from fluxiq.domain.records import Transfer, TransferFlags, TransferStatus
from fluxiq.ledgers.model import ModelLedger

CREATED, EXISTS, REFUSED = (
    TransferStatus.CREATED,
    TransferStatus.EXISTS,
    TransferStatus.EXCEEDS_CREDITS,
)


def transfer(number: int, debit: int = 0, credit: int = 0, *, pending: int = 0) -> Transfer:
    return Transfer(
        id=number,
        ledger=1,
        code=1,
        amount=1,
        debit_account_id=debit,
        credit_account_id=credit,
        pending_id=pending,
        flags=TransferFlags.POST_PENDING_TRANSFER if pending else TransferFlags(0),
    )


def hold(number: int, debit: int, credit: int) -> Transfer:
    made = transfer(number, debit, credit)
    return Transfer(**{**_fields(made), "flags": TransferFlags.PENDING})


def _fields(made: Transfer) -> dict[str, object]:
    return {name: getattr(made, name) for name in made.__struct_fields__}


def test_both_sides_of_what_stands_are_noted_once() -> None:
    moved = MovedAccounts()
    made = [transfer(1, 10, 11), transfer(2, 10, 12), transfer(3, 10, 13)]
    moved.note(made, [CREATED, EXISTS, REFUSED])
    assert moved.take() == Moved(frozenset({10, 11, 12}), frozenset())
    assert moved.take() == Moved(frozenset(), frozenset())


def test_the_end_of_a_hold_moves_the_accounts_of_the_hold() -> None:
    moved = MovedAccounts()
    moved.note([hold(1, 10, 11)], [CREATED])
    moved.take()
    moved.note([transfer(2, pending=1)], [CREATED])
    assert moved.take() == Moved(frozenset({10, 11}), frozenset())


def test_the_end_of_a_hold_from_before_is_looked_up_by_somebody_else() -> None:
    moved = MovedAccounts()
    moved.note([transfer(2, pending=1)], [CREATED])
    assert moved.take() == Moved(frozenset(), frozenset({1}))


def test_more_than_is_noted_is_told_as_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved_accounts, "NOTED_MAX", 3)
    moved = MovedAccounts()
    moved.note([transfer(1, 10, 11), transfer(2, 12, 13)], [CREATED, CREATED])
    assert moved.take() is None
    moved.note([transfer(3, 10, 11)], [CREATED])
    assert moved.take() == Moved(frozenset({10, 11}), frozenset())


def test_holds_are_not_remembered_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moved_accounts, "HOLDS_MAX", 2)
    moved = MovedAccounts()
    moved.note([hold(number, 10, 11) for number in (1, 2, 3)], [CREATED] * 3)
    moved.take()
    moved.note([transfer(4, pending=1), transfer(5, pending=3)], [CREATED] * 2)
    assert moved.take() == Moved(frozenset({10, 11}), frozenset({1}))


async def test_a_ledger_that_tells_answers_as_the_one_inside_and_wakes_who_waits() -> None:
    moved = MovedAccounts()
    ledger = TellingLedger(ModelLedger(1), moved)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(moved.wait, 60.0)
            statuses = await ledger.create_transfers([transfer(1, 10, 11)])
    assert not statuses[0].stands  # no such accounts
    assert await ledger.balances([10]) == {}
    assert moved.take() == Moved(frozenset(), frozenset())
