"""A chain of transfers happens as a whole or not at all, and says which of them was in the way."""

import pytest

from fluxiq.domain.ledger_records import Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.model_cluster import ModelCluster
from tests.support.ledger_histories import ACCOUNTS, MISSING, linked, move, post, void

S = TransferStatus
OPEN, LIMITED, LIMITED_TOO = 1, 2, 3


@pytest.fixture
def cluster() -> ModelCluster:
    """Account 2 may not spend what it has not, and has 100."""
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)
    assert sent(cluster, [move(1, OPEN, LIMITED, 100)]) == [S.CREATED]
    return cluster


def sent(cluster: ModelCluster, transfers: list[Transfer]) -> list[TransferStatus]:
    return [result.status for result in cluster.create_transfers(transfers)]


def available(cluster: ModelCluster, account_id: int = LIMITED) -> int:
    [record] = cluster.lookup_accounts([account_id])
    return record.balance.available


def test_it_happens_whole_and_each_sees_the_one_before(cluster: ModelCluster) -> None:
    chain = linked(
        move(10, LIMITED, LIMITED_TOO, 100),
        move(11, LIMITED_TOO, OPEN, 60, flags=TransferFlags.PENDING),
        post(12, 11, 50),
    )

    assert sent(cluster, chain) == [S.CREATED] * 3
    assert available(cluster) == 0
    assert available(cluster, LIMITED_TOO) == 50


@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_refusal_takes_back_all_of_it(cluster: ModelCluster, place: int) -> None:
    transfers = [move(10 + n, LIMITED, LIMITED_TOO, 10) for n in range(3)]
    transfers[place] = move(10 + place, LIMITED, LIMITED_TOO, 101)
    before = [cluster.lookup_accounts([one.id]) for one in ACCOUNTS]

    statuses = sent(cluster, linked(*transfers))

    expected = [S.LINKED_EVENT_FAILED] * 3
    expected[place] = S.EXCEEDS_CREDITS
    assert statuses == expected
    assert [cluster.lookup_accounts([one.id]) for one in ACCOUNTS] == before
    assert cluster.lookup_transfers([10, 11, 12]) == []


def test_only_the_id_that_was_refused_itself_is_burnt(cluster: ModelCluster) -> None:
    chain = linked(
        move(10, LIMITED, OPEN, 1), move(11, MISSING, OPEN, 1), move(12, LIMITED, OPEN, 1)
    )
    assert sent(cluster, chain) == [
        S.LINKED_EVENT_FAILED,
        S.DEBIT_ACCOUNT_NOT_FOUND,
        S.LINKED_EVENT_FAILED,
    ]

    again = [move(number, LIMITED, OPEN, 1) for number in (10, 11, 12)]

    assert sent(cluster, again) == [S.CREATED, S.ID_ALREADY_FAILED, S.CREATED]


def test_after_the_first_refusal_nothing_is_looked_at_any_more(cluster: ModelCluster) -> None:
    chain = linked(move(10, LIMITED, OPEN, 101), move(0, 0, 0, 1), move(1, LIMITED, OPEN, 7))

    assert sent(cluster, chain) == [S.EXCEEDS_CREDITS, *[S.LINKED_EVENT_FAILED] * 2]


def test_that_the_batch_leaves_open_is_refused(cluster: ModelCluster) -> None:
    chain = [move(10 + n, LIMITED, OPEN, 1, flags=TransferFlags.LINKED) for n in range(3)]

    assert sent(cluster, chain) == [*[S.LINKED_EVENT_FAILED] * 2, S.LINKED_EVENT_CHAIN_OPEN]
    assert sent(cluster, [chain[0]]) == [S.LINKED_EVENT_CHAIN_OPEN]
    assert available(cluster) == 100


def test_that_is_left_open_says_so_even_where_it_had_failed(cluster: ModelCluster) -> None:
    chain = [move(10 + n, LIMITED, OPEN, 101, flags=TransferFlags.LINKED) for n in range(3)]

    assert sent(cluster, chain) == [
        S.EXCEEDS_CREDITS,
        S.LINKED_EVENT_FAILED,
        S.LINKED_EVENT_CHAIN_OPEN,
    ]


def test_sent_twice_exists_once_and_the_rest_of_it_says_failed(cluster: ModelCluster) -> None:
    """Who sends a chain again has to know: EXISTS for the first one speaks for all of them."""
    chain = linked(*(move(10 + n, LIMITED, OPEN, 1) for n in range(3)))
    assert sent(cluster, chain) == [S.CREATED] * 3

    assert sent(cluster, chain) == [S.EXISTS, *[S.LINKED_EVENT_FAILED] * 2]
    assert available(cluster) == 97


def test_with_one_id_twice_fails_though_it_says_exists(cluster: ModelCluster) -> None:
    one = move(10, LIMITED, OPEN, 1, flags=TransferFlags.LINKED)

    assert sent(cluster, [one, one, move(11, LIMITED, OPEN, 1)]) == [
        S.LINKED_EVENT_FAILED,
        S.EXISTS,
        S.LINKED_EVENT_FAILED,
    ]
    assert cluster.lookup_transfers([10, 11]) == []


def test_neighbours_have_fates_of_their_own(cluster: ModelCluster) -> None:
    batch = [
        move(10, LIMITED, OPEN, 10),
        *linked(move(11, LIMITED, OPEN, 10), move(12, LIMITED, OPEN, 91)),
        *linked(move(13, LIMITED, OPEN, 10), move(14, LIMITED, OPEN, 10)),
        move(15, LIMITED, OPEN, 10),
    ]

    assert sent(cluster, batch) == [
        S.CREATED,
        S.LINKED_EVENT_FAILED,
        S.EXCEEDS_CREDITS,
        *[S.CREATED] * 3,
    ]
    assert available(cluster) == 60


def test_taken_back_leaves_its_hold_to_be_resolved(cluster: ModelCluster) -> None:
    held = move(10, LIMITED, OPEN, 40, flags=TransferFlags.PENDING)
    failing = linked(void(11, 10), move(12, LIMITED, OPEN, 101))

    assert sent(cluster, [held, *failing, post(13, 10), *failing]) == [
        S.CREATED,
        S.LINKED_EVENT_FAILED,
        S.EXCEEDS_CREDITS,
        S.CREATED,
        S.PENDING_TRANSFER_ALREADY_POSTED,
        S.LINKED_EVENT_FAILED,
    ]
    assert available(cluster) == 60


def test_taken_back_opens_what_it_had_closed(cluster: ModelCluster) -> None:
    closing = TransferFlags.PENDING | TransferFlags.CLOSING_DEBIT
    chain = linked(move(10, LIMITED, OPEN, 0, flags=closing), move(11, LIMITED, OPEN, 1))

    assert sent(cluster, chain) == [S.LINKED_EVENT_FAILED, S.DEBIT_ACCOUNT_ALREADY_CLOSED]
    assert sent(cluster, [move(12, LIMITED, OPEN, 1)]) == [S.CREATED]


def test_is_part_of_what_a_transfer_is(cluster: ModelCluster) -> None:
    first, second = linked(move(10, LIMITED, OPEN, 1), move(11, LIMITED, OPEN, 1))
    sent(cluster, [first, second])

    alone = move(10, LIMITED, OPEN, 1)
    assert sent(cluster, [alone, second]) == [S.EXISTS_WITH_DIFFERENT_FLAGS, S.EXISTS]
