"""Balancing, closing, timeouts, and counters at their end, answered as TigerBeetle documents."""

import pytest

from fluxiq.domain.ledger_records import (
    AMOUNT_MAX,
    TIMESTAMP_MAX,
    AccountFlags,
    Balance,
    LedgerAccount,
    Transfer,
    TransferFlags,
)
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.expiry import SECOND_NS
from fluxiq.ledgers.model_cluster import ModelCluster
from tests.support.ledger_histories import ACCOUNTS, LEDGER, move, post, void

S = TransferStatus
F = TransferFlags
OPEN, LIMITED, LIMITED_TOO, CREDIT_LIMITED = 1, 2, 3, 4
CLOSED = 6


@pytest.fixture
def cluster() -> ModelCluster:
    """Accounts 2 and 3 may not spend what they have not; account 2 has 100."""
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)
    assert sent(cluster, move(1, OPEN, LIMITED, 100)) == [S.CREATED]
    return cluster


def sent(cluster: ModelCluster, *transfers: Transfer) -> list[TransferStatus]:
    return [result.status for result in cluster.create_transfers(transfers)]


def balance(cluster: ModelCluster, account_id: int = LIMITED) -> Balance:
    [record] = cluster.lookup_accounts([account_id])
    return record.balance


def is_closed(cluster: ModelCluster, account_id: int = LIMITED) -> bool:
    [record] = cluster.lookup_accounts([account_id])
    return bool(record.account.flags & AccountFlags.CLOSED)


class TestBalancing:
    @pytest.mark.parametrize(
        ("asked", "moved"), [(AMOUNT_MAX, 70), (71, 70), (70, 70), (30, 30), (0, 0)]
    )
    def test_moves_what_there_is_and_no_more_than_asked(
        self, cluster: ModelCluster, asked: int, moved: int
    ) -> None:
        held = move(10, LIMITED, OPEN, 30, flags=F.PENDING)
        all_of_it = move(11, LIMITED, OPEN, asked, flags=F.BALANCING_DEBIT)

        assert sent(cluster, held, all_of_it) == [S.CREATED] * 2

        [recorded] = cluster.lookup_transfers([11])
        assert recorded.amount == moved
        assert balance(cluster).available == 70 - moved

    def test_moves_nothing_from_an_account_that_owes(self, cluster: ModelCluster) -> None:
        assert sent(cluster, move(10, OPEN, LIMITED, 5, flags=F.BALANCING_DEBIT)) == [S.CREATED]
        assert balance(cluster).credits_posted == 100

    def test_of_both_sides_moves_the_smaller_gap(self, cluster: ModelCluster) -> None:
        owed = move(10, CREDIT_LIMITED, OPEN, 40)
        both = F.BALANCING_DEBIT | F.BALANCING_CREDIT | F.PENDING
        settle = move(11, LIMITED, CREDIT_LIMITED, AMOUNT_MAX, flags=both)

        assert sent(cluster, owed, settle) == [S.CREATED] * 2
        assert balance(cluster, CREDIT_LIMITED).credits_pending == 40

    @pytest.mark.parametrize(
        ("asked", "status"),
        [(AMOUNT_MAX, S.EXISTS), (100, S.EXISTS), (99, S.EXISTS_WITH_DIFFERENT_AMOUNT)],
    )
    def test_again_may_ask_for_as_much_or_more(
        self, cluster: ModelCluster, asked: int, status: TransferStatus
    ) -> None:
        all_of_it = move(10, LIMITED, OPEN, AMOUNT_MAX, flags=F.BALANCING_DEBIT)
        again = move(10, LIMITED, OPEN, asked, flags=F.BALANCING_DEBIT)

        assert sent(cluster, all_of_it, again) == [S.CREATED, status]


class TestClosing:
    @pytest.mark.parametrize(
        ("flag", "first", "second", "status"),
        [
            (F.CLOSING_DEBIT, LIMITED, OPEN, S.DEBIT_ACCOUNT_ALREADY_CLOSED),
            (F.CLOSING_CREDIT, OPEN, LIMITED, S.CREDIT_ACCOUNT_ALREADY_CLOSED),
        ],
    )
    def test_leaves_an_account_that_takes_part_in_nothing_until_it_is_voided(
        self,
        cluster: ModelCluster,
        flag: TransferFlags,
        first: int,
        second: int,
        status: TransferStatus,
    ) -> None:
        close = move(10, first, second, 0, flags=F.PENDING | flag)
        assert sent(cluster, close, move(11, first, second, 1)) == [S.CREATED, status]
        assert is_closed(cluster)

        assert sent(cluster, void(12, 10)) == [S.CREATED]

        assert not is_closed(cluster)
        # Closed is a refusal that passes with time: the id of the first try stays burnt.
        again = (move(11, first, second, 1), move(13, first, second, 1))
        assert sent(cluster, *again) == [S.ID_ALREADY_FAILED, S.CREATED]

    def test_cannot_be_posted_which_burns_the_id(self, cluster: ModelCluster) -> None:
        close = move(10, LIMITED, OPEN, 5, flags=F.PENDING | F.CLOSING_DEBIT)

        assert sent(cluster, close, post(11, 10), void(11, 10), void(12, 10)) == [
            S.CREATED,
            S.DEBIT_ACCOUNT_ALREADY_CLOSED,
            S.ID_ALREADY_FAILED,
            S.CREATED,
        ]
        assert balance(cluster).available == 100

    def test_lets_earlier_holds_be_voided_but_not_posted(self, cluster: ModelCluster) -> None:
        holds = [move(10 + n, LIMITED, OPEN, 10, flags=F.PENDING) for n in range(2)]
        close = move(12, LIMITED, OPEN, 0, flags=F.PENDING | F.CLOSING_DEBIT)
        assert sent(cluster, *holds, close) == [S.CREATED] * 3

        assert sent(cluster, post(13, 10), void(14, 11)) == [
            S.DEBIT_ACCOUNT_ALREADY_CLOSED,
            S.CREATED,
        ]
        assert is_closed(cluster)
        assert balance(cluster).debits_pending == 10

    def test_ends_with_its_time(self, cluster: ModelCluster) -> None:
        close = move(10, LIMITED, OPEN, 5, flags=F.PENDING | F.CLOSING_DEBIT, timeout=1)
        assert sent(cluster, close) == [S.CREATED]

        assert cluster.expire(cluster.now + SECOND_NS) == [10]

        assert not is_closed(cluster)
        assert balance(cluster).available == 100

    def test_from_birth_is_for_ever(self, cluster: ModelCluster) -> None:
        assert sent(cluster, move(10, CLOSED, OPEN, 1), move(11, OPEN, CLOSED, 1)) == [
            S.DEBIT_ACCOUNT_ALREADY_CLOSED,
            S.CREDIT_ACCOUNT_ALREADY_CLOSED,
        ]


class TestTimeouts:
    @pytest.mark.parametrize(
        ("early_ns", "status"), [(2, S.CREATED), (1, S.PENDING_TRANSFER_EXPIRED)]
    )
    def test_end_at_the_nanosecond(
        self, cluster: ModelCluster, early_ns: int, status: TransferStatus
    ) -> None:
        assert sent(cluster, move(10, LIMITED, OPEN, 5, flags=F.PENDING, timeout=3)) == [S.CREATED]
        [held] = cluster.lookup_transfers([10])

        # The clock stands just before the end; the event itself is one later.
        assert cluster.expire(held.timestamp + 3 * SECOND_NS - early_ns) == []

        assert sent(cluster, post(11, 10)) == [status]

    def test_give_the_money_back_even_when_nobody_asks(self, cluster: ModelCluster) -> None:
        later = move(10, LIMITED, OPEN, 5, flags=F.PENDING, timeout=2)
        sooner = move(11, LIMITED, OPEN, 6, flags=F.PENDING, timeout=1)
        never = move(12, LIMITED, OPEN, 7, flags=F.PENDING)
        assert sent(cluster, later, sooner, never) == [S.CREATED] * 3

        assert cluster.expire(cluster.now + 3 * SECOND_NS) == [11, 10]

        assert balance(cluster) == Balance(account_id=LIMITED, credits_posted=100, debits_pending=7)

    def test_of_resolved_holds_change_nothing(self, cluster: ModelCluster) -> None:
        held = move(10, LIMITED, OPEN, 5, flags=F.PENDING, timeout=1)
        assert sent(cluster, held, post(11, 10, 3)) == [S.CREATED] * 2

        assert cluster.expire(cluster.now + 2 * SECOND_NS) == []

        assert sent(cluster, void(12, 10), held, post(11, 10, 3)) == [
            S.PENDING_TRANSFER_ALREADY_POSTED,
            S.EXISTS,
            S.EXISTS,
        ]

    def test_follow_the_clock_that_never_goes_back(self) -> None:
        times = iter([5 * SECOND_NS, 5 * SECOND_NS, 9 * SECOND_NS, 2 * SECOND_NS])
        cluster = ModelCluster(clock=lambda: next(times))
        cluster.create_accounts(ACCOUNTS)
        held = move(10, OPEN, LIMITED, 5, flags=F.PENDING, timeout=3)
        assert sent(cluster, held) == [S.CREATED]

        assert sent(cluster, post(11, 10)) == [S.PENDING_TRANSFER_EXPIRED]

        [late] = cluster.create_transfers([move(12, OPEN, LIMITED, 1)])
        assert late.timestamp > 9 * SECOND_NS

    def test_that_end_beyond_all_time_are_refused(self, cluster: ModelCluster) -> None:
        cluster.expire(TIMESTAMP_MAX - 2 * SECOND_NS)
        endless = move(10, LIMITED, OPEN, 101, flags=F.PENDING, timeout=3)

        assert sent(cluster, endless) == [S.OVERFLOWS_TIMEOUT]
        assert sent(cluster, move(10, LIMITED, OPEN, 1)) == [S.CREATED]

    def test_differ_from_those_of_the_same_id(self, cluster: ModelCluster) -> None:
        held = move(10, LIMITED, OPEN, 5, flags=F.PENDING, timeout=3)
        other = move(10, LIMITED, OPEN, 5, flags=F.PENDING, timeout=4)

        assert sent(cluster, held, other) == [S.CREATED, S.EXISTS_WITH_DIFFERENT_TIMEOUT]


class TestCounters:
    """At 2**128 - 1 they end: the answer names the first sum that would not fit."""

    @pytest.mark.parametrize(
        ("before", "transfer", "status"),
        [
            ([("held", 1, 7)], ("held", 1, 7), S.OVERFLOWS_DEBITS_PENDING),
            ([("held", 1, 7)], ("held", 5, 7), S.OVERFLOWS_CREDITS_PENDING),
            ([("paid", 1, 7)], ("paid", 1, 7), S.OVERFLOWS_DEBITS_POSTED),
            ([("paid", 1, 7)], ("paid", 5, 7), S.OVERFLOWS_CREDITS_POSTED),
            ([("held", 1, 7)], ("paid", 1, 7), S.OVERFLOWS_DEBITS),
            ([("held", 1, 7)], ("paid", 5, 7), S.OVERFLOWS_CREDITS),
            ([("held", 1, 7)], ("held", 7, 1), S.CREATED),
        ],
    )
    def test_do_not_wrap_around(
        self,
        before: list[tuple[str, int, int]],
        transfer: tuple[str, int, int],
        status: TransferStatus,
    ) -> None:
        cluster = ModelCluster()
        cluster.create_accounts([LedgerAccount(id=n, ledger=LEDGER, code=1) for n in (1, 5, 7)])
        kinds = {"held": F.PENDING, "paid": F.NONE}
        most = 2**127

        for number, (kind, debit, credit) in enumerate(before):
            first = move(10 + number, debit, credit, most, flags=kinds[kind])
            assert sent(cluster, first) == [S.CREATED]

        kind, debit, credit = transfer
        refused = move(20, debit, credit, most, flags=kinds[kind])
        assert sent(cluster, refused) == [status]
        # It is no refusal of this moment: the id may come again.
        assert sent(cluster, move(20, debit, credit, 1)) == [
            S.CREATED if status is not S.CREATED else S.EXISTS_WITH_DIFFERENT_FLAGS
        ]
