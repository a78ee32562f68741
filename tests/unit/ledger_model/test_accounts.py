"""New accounts: TigerBeetle's answer for each, in the documented order, and chains of them."""

from typing import Any

import pytest

from fluxiq.domain.ledger_records import ID_MAX, AccountFlags, LedgerAccount, TransferFlags
from fluxiq.domain.ledger_statuses import CreateAccountStatus
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ledgers.model_cluster import ModelCluster
from tests.support.ledger_histories import ACCOUNTS, LEDGER, linked, move, void

S = CreateAccountStatus
A = AccountFlags
BOTH_LIMITS = A.DEBITS_MUST_NOT_EXCEED_CREDITS | A.CREDITS_MUST_NOT_EXCEED_DEBITS


def account(id_: int, **fields: Any) -> LedgerAccount:
    return LedgerAccount(**{"id": id_, "ledger": LEDGER, "code": 1} | fields)


def created(cluster: ModelCluster, *accounts: LedgerAccount) -> list[CreateAccountStatus]:
    return [result.status for result in cluster.create_accounts(accounts)]


HOPELESS: dict[str, Any] = {"flags": BOTH_LIMITS, "ledger": 0, "code": 0}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (account(0, timestamp=1, flags=A(1 << 9)), S.TIMESTAMP_MUST_BE_ZERO),
        (account(0, flags=A(1 << 9)), S.RESERVED_FLAG),
        (account(0, **HOPELESS), S.ID_MUST_NOT_BE_ZERO),
        (account(ID_MAX, **HOPELESS), S.ID_MUST_NOT_BE_INT_MAX),
        (account(5, **HOPELESS), S.EXISTS_WITH_DIFFERENT_FLAGS),
        (account(5, ledger=1, user_data_64=1), S.EXISTS_WITH_DIFFERENT_USER_DATA_128),
        (account(5, user_data_128=1, user_data_64=1), S.EXISTS_WITH_DIFFERENT_USER_DATA_64),
        (account(5, user_data_128=1), S.EXISTS_WITH_DIFFERENT_USER_DATA_32),
        (
            account(5, user_data_128=1, user_data_32=3, code=9),
            S.EXISTS_WITH_DIFFERENT_LEDGER,
        ),
        (
            account(5, user_data_128=1, user_data_32=3, ledger=LEDGER + 1, code=9),
            S.EXISTS_WITH_DIFFERENT_CODE,
        ),
        (ACCOUNTS[4], S.EXISTS),
        (account(50, **HOPELESS), S.FLAGS_ARE_MUTUALLY_EXCLUSIVE),
        (account(50, ledger=0, code=0), S.LEDGER_MUST_NOT_BE_ZERO),
        (account(50, code=0), S.CODE_MUST_NOT_BE_ZERO),
        (account(50, flags=A.CLOSED | A.HISTORY, user_data_64=2**64 - 1), S.CREATED),
    ],
)
def test_each_has_the_documented_answer(asked: LedgerAccount, status: CreateAccountStatus) -> None:
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)

    assert created(cluster, asked) == [status]
    assert len(cluster.lookup_accounts([50])) == (status is S.CREATED)


def test_a_chain_of_them_is_created_whole_or_not_at_all() -> None:
    cluster = ModelCluster()
    good = linked(account(1), account(2))
    bad = linked(account(3), account(4, code=0), account(5))

    assert created(cluster, *good, *bad, account(6)) == [
        S.CREATED,
        S.CREATED,
        S.LINKED_EVENT_FAILED,
        S.CODE_MUST_NOT_BE_ZERO,
        S.LINKED_EVENT_FAILED,
        S.CREATED,
    ]
    assert [one.account.id for one in cluster.lookup_accounts(range(7))] == [1, 2, 6]
    # Refusals of accounts never pass with time, so none of their ids is burnt.
    assert created(cluster, account(3), account(4)) == [S.CREATED, S.CREATED]


def test_a_chain_of_them_left_open_is_refused() -> None:
    cluster = ModelCluster()
    accounts = [account(1, flags=A.LINKED), account(2, flags=A.LINKED)]

    assert created(cluster, *accounts) == [S.LINKED_EVENT_FAILED, S.LINKED_EVENT_CHAIN_OPEN]
    assert cluster.lookup_accounts([1, 2]) == []


def test_a_closed_one_is_not_what_it_was_created_as_until_it_is_open_again() -> None:
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)
    flags = TransferFlags.PENDING | TransferFlags.CLOSING_DEBIT
    cluster.create_transfers([move(10, 2, 1, 0, flags=flags)])

    assert created(cluster, ACCOUNTS[1]) == [S.EXISTS_WITH_DIFFERENT_FLAGS]

    cluster.create_transfers([void(11, 10)])
    assert created(cluster, ACCOUNTS[1]) == [S.EXISTS]


async def test_a_closed_one_may_be_asked_for_again_through_the_port() -> None:
    ledger = ModelLedger(LEDGER)
    await ledger.create_accounts(ACCOUNTS[:2])
    flags = TransferFlags.PENDING | TransferFlags.CLOSING_DEBIT
    await ledger.create_transfers([move(10, 2, 1, 0, flags=flags)])

    await ledger.create_accounts(ACCOUNTS[:2])

    [record] = ledger.cluster.lookup_accounts([2])
    assert record.account.flags & AccountFlags.CLOSED


def test_their_timestamps_grow_and_an_existing_one_keeps_its_own() -> None:
    cluster = ModelCluster()
    first = cluster.create_accounts([account(1), account(2)])
    second = cluster.create_accounts([account(2), account(3, code=0)])

    times = [result.timestamp for result in (*first, *second)]
    assert times == [1, 2, 2, 4]
    assert [one.account.timestamp for one in cluster.lookup_accounts([1, 2])] == [1, 2]


@pytest.mark.parametrize(
    ("accounts", "complaint"),
    [
        ([account(1, flags=A.IMPORTED)], "account 1: IMPORTED is not supported"),
        ([account(2**128)], "out of range"),
        ([account(1, ledger=2**32)], "out of range"),
        ([account(1, code=-1)], "out of range"),
        ([account(1, user_data_64=2**64)], "out of range"),
        ([account(1)] * TRANSFERS_MAX, "8190 accounts"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_happens(
    accounts: list[LedgerAccount], complaint: str
) -> None:
    cluster = ModelCluster()

    with pytest.raises(ValueError, match=complaint):
        cluster.create_accounts([account(7), *accounts[1:], accounts[0]])

    assert cluster.lookup_accounts([7]) == []
