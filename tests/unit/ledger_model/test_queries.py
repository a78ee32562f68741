"""Look-ups and filters of the model: what they find, in which order, and what makes no sense."""

from typing import Any

import pytest

from fluxiq.domain.ledger_records import (
    ID_MAX,
    TIMESTAMP_MAX,
    AccountFilter,
    Balance,
    QueryFilter,
    TransferFlags,
)
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.model_cluster import ModelCluster
from tests.support.ledger_histories import ACCOUNTS, LEDGER, OTHER_LEDGER, move, post

OPEN, WITH_HISTORY, OTHER = 1, 3, 7


@pytest.fixture
def cluster() -> ModelCluster:
    """Accounts at the times 1 to 7, transfers 10 to 14 at 8 to 12."""
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)
    cluster.create_transfers(
        [
            move(10, OPEN, WITH_HISTORY, 50, user_data_64=5),
            move(11, WITH_HISTORY, OPEN, 20, code=2, flags=TransferFlags.PENDING),
            move(12, OPEN, 2, 1, user_data_64=5),
            post(13, 11, 15, user_data_32=6),
            move(14, OPEN, OTHER, 1, user_data_128=7),
        ]
    )
    return cluster


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [10, 11, 13]),
        ({"reversed": True}, [13, 11, 10]),
        ({"reversed": True, "limit": 2}, [13, 11]),
        ({"limit": 2}, [10, 11]),
        ({"debits": False}, [10]),
        ({"credits": False}, [11, 13]),
        ({"code": 2}, [11, 13]),
        ({"user_data_64": 5}, [10]),
        ({"user_data_32": 6}, [13]),
        ({"user_data_128": 7}, []),
        ({"timestamp_min": 9}, [11, 13]),
        ({"timestamp_max": 9}, [10, 11]),
        ({"timestamp_min": 9, "timestamp_max": 9}, [11]),
        # No sense.
        ({"limit": 0}, []),
        ({"debits": False, "credits": False}, []),
        ({"timestamp_min": 10, "timestamp_max": 9}, []),
        ({"timestamp_min": TIMESTAMP_MAX + 1}, []),
        ({"timestamp_max": TIMESTAMP_MAX + 1}, []),
        ({"account_id": 0}, []),
        ({"account_id": ID_MAX}, []),
        ({"account_id": 99}, []),
    ],
)
def test_an_account_has_its_transfers_and_after_each_a_balance(
    cluster: ModelCluster, wanted: dict[str, Any], found: list[int]
) -> None:
    of_account = AccountFilter(**{"account_id": WITH_HISTORY, "limit": 10} | wanted)
    after = {
        10: Balance(account_id=WITH_HISTORY, credits_posted=50, timestamp=8),
        11: Balance(account_id=WITH_HISTORY, credits_posted=50, debits_pending=20, timestamp=9),
        13: Balance(account_id=WITH_HISTORY, credits_posted=50, debits_posted=15, timestamp=11),
    }

    transfers = cluster.get_account_transfers(of_account)
    assert [one.id for one in transfers] == found
    assert cluster.get_account_balances(of_account) == [after[one] for one in found]


def test_an_account_without_the_flag_has_no_past_balances(cluster: ModelCluster) -> None:
    assert cluster.get_account_balances(AccountFilter(account_id=OPEN, limit=10)) == []


@pytest.mark.parametrize(
    ("wanted", "transfers", "accounts"),
    [
        ({}, [10, 11, 12, 13, 14], [1, 2, 3, 4, 5, 6, 7]),
        ({"ledger": LEDGER, "code": 2}, [11, 13], [3]),
        ({"ledger": OTHER_LEDGER}, [], [5]),
        ({"user_data_64": 5}, [10, 12], []),
        ({"user_data_128": 1}, [], [5]),
        ({"timestamp_min": 7, "timestamp_max": 8}, [10], [7]),
        ({"limit": 1, "reversed": True}, [14], [7]),
        ({"limit": 0}, [], []),
    ],
)
def test_all_are_asked_for_by_what_they_have_in_common(
    cluster: ModelCluster, wanted: dict[str, Any], transfers: list[int], accounts: list[int]
) -> None:
    query = QueryFilter(**{"limit": 10} | wanted)

    assert [one.id for one in cluster.query_transfers(query)] == transfers
    assert [one.account.id for one in cluster.query_accounts(query)] == accounts


def test_more_results_than_a_reply_holds_are_refused(cluster: ModelCluster) -> None:
    with pytest.raises(ValueError, match="8190 results"):
        cluster.query_transfers(QueryFilter(limit=TRANSFERS_MAX + 1))


def test_looking_up_tells_what_is_there_as_it_was_recorded(cluster: ModelCluster) -> None:
    [posted] = cluster.lookup_transfers([99, 13])

    assert posted == post(
        13,
        11,
        15,
        ledger=LEDGER,
        code=2,
        debit_account_id=WITH_HISTORY,
        credit_account_id=OPEN,
        user_data_32=6,
        timestamp=11,
    )
    assert [one.account.id for one in cluster.lookup_accounts([7, 99, 1])] == [7, 1]
