"""The ledger's decision against TigerBeetle's documented answers, case by case."""

from collections.abc import Sequence
from typing import Any

import pytest

from fluxiq.domain.ledger_records import AMOUNT_MAX, ID_MAX
from fluxiq.domain.records import (
    AccountFlags,
    Balance,
    LedgerAccount,
    Transfer,
    TransferFlags,
    TransferStatus,
)
from fluxiq.ledgers.books import AccountState, Known
from fluxiq.ledgers.decision import decide
from fluxiq.ledgers.limits import TRANSFERS_MAX
from fluxiq.ledgers.model import ModelLedger

LEDGER = 76
SETTLEMENT, CUSTOMER, OTHER, CREDIT_LIMITED = 1, 2, 3, 4
NOBODY, NOBODY_ELSE = 98, 99
PENDING, POST, VOID = (
    TransferFlags.PENDING,
    TransferFlags.POST_PENDING_TRANSFER,
    TransferFlags.VOID_PENDING_TRANSFER,
)
S = TransferStatus


def move(id_: int, amount: int, **changes: Any) -> Transfer:
    """From the customer to the settlement account, unless said otherwise."""
    fields: dict[str, Any] = {"debit_account_id": CUSTOMER, "credit_account_id": SETTLEMENT}
    fields |= {"id": id_, "ledger": LEDGER, "code": 1, "amount": amount}
    return Transfer(**fields | changes)


def fund(id_: int, amount: int, **changes: Any) -> Transfer:
    accounts = {"debit_account_id": SETTLEMENT, "credit_account_id": CUSTOMER}
    return move(id_, amount, **accounts | changes)


def hold(id_: int, amount: int, **changes: Any) -> Transfer:
    return move(id_, amount, flags=PENDING, **changes)


def post(id_: int, hold_id: int, amount: int = AMOUNT_MAX, **changes: Any) -> Transfer:
    fields = {"ledger": 0, "code": 0, "amount": amount, "pending_id": hold_id, "flags": POST}
    return Transfer(**{"id": id_} | fields | changes)


def void(id_: int, hold_id: int, amount: int = 0, **changes: Any) -> Transfer:
    return post(id_, hold_id, amount, **{"flags": VOID} | changes)


def account(id_: int, flags: AccountFlags = AccountFlags.NONE) -> LedgerAccount:
    return LedgerAccount(id=id_, ledger=LEDGER, code=1, flags=flags)


ACCOUNTS = (
    account(SETTLEMENT),
    account(CUSTOMER, AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS),
    account(OTHER),
    account(CREDIT_LIMITED, AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS),
)


@pytest.fixture
async def ledger() -> ModelLedger:
    """Customer 1000: 300 held by transfer 10, 100 posted by 21 of hold 20, hold 30 voided by 31."""
    ledger = ModelLedger(LEDGER)
    await ledger.create_accounts(ACCOUNTS)
    before = [fund(1, 1000), hold(10, 300), hold(20, 100), post(21, 20), hold(30, 50), void(31, 30)]
    assert await ledger.create_transfers(before) == [S.CREATED] * len(before)
    return ledger


async def customer_of(ledger: ModelLedger) -> Balance:
    return (await ledger.balances([CUSTOMER]))[CUSTOMER]


# The first problem in the documented order is the answer: each line has all the later ones too.
HOPELESS: dict[str, Any] = {"pending_id": 7, "ledger": 0, "code": 0, "flags": PENDING}
STRANGERS: dict[str, Any] = {"debit_account_id": NOBODY, "credit_account_id": NOBODY_ELSE}
PRECEDENCE = [
    (move(0, 1, timestamp=1, **HOPELESS | {"flags": 1 << 12}), S.TIMESTAMP_MUST_BE_ZERO),
    (move(0, 1, **HOPELESS | {"flags": TransferFlags(1 << 12)}), S.RESERVED_FLAG),
    (move(0, 1, **HOPELESS | STRANGERS), S.ID_MUST_NOT_BE_ZERO),
    (move(ID_MAX, 1, **HOPELESS | STRANGERS), S.ID_MUST_NOT_BE_INT_MAX),
    (
        move(50, 1, **HOPELESS | {"debit_account_id": 0, "credit_account_id": 0}),
        S.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO,
    ),
    (
        move(50, 1, **HOPELESS | {"debit_account_id": ID_MAX, "credit_account_id": 0}),
        S.DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX,
    ),
    (move(50, 1, **HOPELESS | {"credit_account_id": 0}), S.CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO),
    (
        move(50, 1, **HOPELESS | {"credit_account_id": ID_MAX}),
        S.CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX,
    ),
    (
        move(50, 1, **HOPELESS | {"debit_account_id": NOBODY, "credit_account_id": NOBODY}),
        S.ACCOUNTS_MUST_BE_DIFFERENT,
    ),
    (move(50, 1, **HOPELESS | STRANGERS), S.PENDING_ID_MUST_BE_ZERO),
    (
        move(50, 1, ledger=0, timeout=1, flags=TransferFlags.CLOSING_DEBIT),
        S.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER,
    ),
    (
        move(50, 1, ledger=0, flags=TransferFlags.CLOSING_CREDIT),
        S.CLOSING_TRANSFER_MUST_BE_PENDING,
    ),
    (move(50, 1, ledger=0, code=0, **STRANGERS), S.LEDGER_MUST_NOT_BE_ZERO),
    (move(50, 1, ledger=5, code=0, **STRANGERS), S.CODE_MUST_NOT_BE_ZERO),
    (move(50, 1, ledger=5, **STRANGERS), S.DEBIT_ACCOUNT_NOT_FOUND),
    (move(50, 1, ledger=5, credit_account_id=NOBODY), S.CREDIT_ACCOUNT_NOT_FOUND),
    (move(50, 10**9, ledger=5), S.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS),
    (move(50, 601, credit_account_id=CREDIT_LIMITED), S.EXCEEDS_CREDITS),
    (move(50, 600, credit_account_id=CREDIT_LIMITED), S.EXCEEDS_DEBITS),
    (move(50, 600), S.CREATED),
    (hold(50, 601), S.EXCEEDS_CREDITS),
    (hold(50, 600), S.CREATED),
    (move(50, 0), S.CREATED),
]

FOREIGN: dict[str, Any] = {
    "debit_account_id": NOBODY,
    "credit_account_id": NOBODY_ELSE,
    "ledger": 5,
    "code": 9,
}
PHASE_TWO = [
    (void(50, 0, 301, flags=VOID | POST, **FOREIGN), S.FLAGS_ARE_MUTUALLY_EXCLUSIVE),
    (void(50, 0, 301, flags=VOID | PENDING, **FOREIGN), S.FLAGS_ARE_MUTUALLY_EXCLUSIVE),
    (post(50, 0, 301, flags=POST | PENDING, **FOREIGN), S.FLAGS_ARE_MUTUALLY_EXCLUSIVE),
    *(
        (void(50, 0, 301, flags=VOID | other, **FOREIGN), S.FLAGS_ARE_MUTUALLY_EXCLUSIVE)
        for other in (
            TransferFlags.BALANCING_DEBIT,
            TransferFlags.BALANCING_CREDIT,
            TransferFlags.CLOSING_DEBIT,
            TransferFlags.CLOSING_CREDIT,
        )
    ),
    (void(50, 0, 301, **FOREIGN), S.PENDING_ID_MUST_NOT_BE_ZERO),
    (void(50, ID_MAX, 301, **FOREIGN), S.PENDING_ID_MUST_NOT_BE_INT_MAX),
    (void(50, 50, 301, timeout=1, **FOREIGN), S.PENDING_ID_MUST_BE_DIFFERENT),
    (void(50, 77, 301, timeout=1, **FOREIGN), S.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER),
    (void(50, 77, 301, **FOREIGN), S.PENDING_TRANSFER_NOT_FOUND),
    (void(50, 1, 301, **FOREIGN), S.PENDING_TRANSFER_NOT_PENDING),
    (void(50, 21, 301, **FOREIGN), S.PENDING_TRANSFER_NOT_PENDING),
    (void(50, 10, 301, **FOREIGN), S.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID),
    (
        void(50, 10, 301, **FOREIGN | {"debit_account_id": CUSTOMER}),
        S.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID,
    ),
    (void(50, 10, 301, ledger=5, code=9), S.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER),
    (void(50, 10, 301, code=9), S.PENDING_TRANSFER_HAS_DIFFERENT_CODE),
    (void(50, 10, 301), S.EXCEEDS_PENDING_TRANSFER_AMOUNT),
    (void(50, 10, AMOUNT_MAX), S.EXCEEDS_PENDING_TRANSFER_AMOUNT),
    (void(50, 10, 299), S.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT),
    (void(50, 20, 99), S.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT),
    (void(50, 20), S.PENDING_TRANSFER_ALREADY_POSTED),
    (post(50, 20), S.PENDING_TRANSFER_ALREADY_POSTED),
    (void(50, 30), S.PENDING_TRANSFER_ALREADY_VOIDED),
    (post(50, 30), S.PENDING_TRANSFER_ALREADY_VOIDED),
    (post(50, 30, 51), S.EXCEEDS_PENDING_TRANSFER_AMOUNT),
    (post(50, 10, 301), S.EXCEEDS_PENDING_TRANSFER_AMOUNT),
    (post(50, 10, AMOUNT_MAX - 1), S.EXCEEDS_PENDING_TRANSFER_AMOUNT),
]

EXISTS = [
    (fund(1, 1000), S.EXISTS),
    (hold(1, 9, **STRANGERS), S.EXISTS_WITH_DIFFERENT_FLAGS),
    (post(1, 7), S.EXISTS_WITH_DIFFERENT_FLAGS),
    (fund(1, 9, pending_id=7, **FOREIGN), S.EXISTS_WITH_DIFFERENT_PENDING_ID),
    (fund(1, 9, timeout=1, **FOREIGN), S.EXISTS_WITH_DIFFERENT_TIMEOUT),
    (fund(1, 9, **FOREIGN), S.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID),
    (
        fund(1, 9, **FOREIGN | {"debit_account_id": SETTLEMENT}),
        S.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID,
    ),
    (fund(1, 999, ledger=5, code=9), S.EXISTS_WITH_DIFFERENT_AMOUNT),
    (
        fund(1, 1000, ledger=5, user_data_128=1, user_data_64=1),
        S.EXISTS_WITH_DIFFERENT_USER_DATA_128,
    ),
    (
        fund(1, 1000, ledger=5, user_data_64=1, user_data_32=1),
        S.EXISTS_WITH_DIFFERENT_USER_DATA_64,
    ),
    (fund(1, 1000, ledger=5, user_data_32=1), S.EXISTS_WITH_DIFFERENT_USER_DATA_32),
    (fund(1, 1000, ledger=5, code=9), S.EXISTS_WITH_DIFFERENT_LEDGER),
    (fund(1, 1000, code=9), S.EXISTS_WITH_DIFFERENT_CODE),
    (hold(20, 100), S.EXISTS),
    # A post is recorded with what it took from its hold, and compared with that.
    (post(21, 20), S.EXISTS),
    (post(21, 20, 100, ledger=LEDGER, code=1), S.EXISTS),
    (
        post(21, 20, debit_account_id=CUSTOMER, credit_account_id=SETTLEMENT),
        S.EXISTS,
    ),
    (void(21, 20), S.EXISTS_WITH_DIFFERENT_FLAGS),
    (post(21, 20, flags=POST | VOID), S.EXISTS_WITH_DIFFERENT_FLAGS),
    (post(21, 10, 9, **FOREIGN), S.EXISTS_WITH_DIFFERENT_PENDING_ID),
    (post(21, 77, 9, **FOREIGN), S.EXISTS_WITH_DIFFERENT_PENDING_ID),
    (post(21, 20, 9, **FOREIGN), S.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID),
    (
        post(21, 20, 9, **FOREIGN | {"debit_account_id": 0}),
        S.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID,
    ),
    (post(21, 20, 0, ledger=5), S.EXISTS_WITH_DIFFERENT_AMOUNT),
    (post(21, 20, 101), S.EXISTS_WITH_DIFFERENT_AMOUNT),
    (post(21, 20, ledger=5, code=9), S.EXISTS_WITH_DIFFERENT_LEDGER),
    (post(21, 20, code=9), S.EXISTS_WITH_DIFFERENT_CODE),
    (void(31, 30), S.EXISTS),
    (void(31, 30, 50), S.EXISTS),
    (void(31, 30, 49), S.EXISTS_WITH_DIFFERENT_AMOUNT),
]


class TestOneTransfer:
    @pytest.mark.parametrize(("transfer", "status"), PRECEDENCE + PHASE_TWO + EXISTS)
    async def test_has_the_documented_answer(
        self, ledger: ModelLedger, transfer: Transfer, status: TransferStatus
    ) -> None:
        before = await ledger.balances(range(1, 5))

        assert await ledger.create_transfers([transfer]) == [status]

        moved = await ledger.balances(range(1, 5)) != before
        assert moved == (status is S.CREATED and transfer.amount > 0)

    async def test_of_two_ledgers_accounts_is_refused(self) -> None:
        accounts = {
            one: AccountState(ledger=one, flags=0, balance=Balance(account_id=one))
            for one in (1, 2)
        }
        crossing = Transfer(id=1, ledger=1, code=1, debit_account_id=1, credit_account_id=2)
        known = Known(transfers={}, burnt=(), resolved={})

        decision = decide(accounts, known, [crossing])

        assert decision.results == [S.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER]
        assert not decision.created
        assert not decision.burnt

    async def test_may_bring_a_limited_account_to_its_limit_but_not_beyond(self) -> None:
        ledger = ModelLedger(LEDGER)
        await ledger.create_accounts(ACCOUNTS)
        to_limited: dict[str, Any] = {"credit_account_id": CREDIT_LIMITED}
        from_limited = {"debit_account_id": CREDIT_LIMITED, "credit_account_id": OTHER}

        statuses = await ledger.create_transfers(
            [
                move(1, 100, **from_limited),
                move(2, 60, debit_account_id=OTHER, flags=PENDING, **to_limited),
                move(3, 41, debit_account_id=OTHER, **to_limited),
                move(4, 40, debit_account_id=OTHER, **to_limited),
            ]
        )

        assert statuses == [S.CREATED, S.CREATED, S.EXCEEDS_DEBITS, S.CREATED]


class TestHolds:
    @pytest.mark.parametrize(
        ("second", "posted"),
        [
            (post(50, 10), 300),
            (post(50, 10, 300), 300),
            (post(50, 10, 120), 120),
            (post(50, 10, 0), 0),
            (void(50, 10), 0),
            (void(50, 10, 300), 0),
        ],
    )
    async def test_give_back_what_is_not_posted(
        self, ledger: ModelLedger, second: Transfer, posted: int
    ) -> None:
        assert (await customer_of(ledger)).available == 600

        assert await ledger.create_transfers([second]) == [S.CREATED]

        assert await customer_of(ledger) == Balance(
            account_id=CUSTOMER, credits_posted=1000, debits_posted=100 + posted
        )

    async def test_of_the_same_batch_can_be_resolved_once(self, ledger: ModelLedger) -> None:
        batch = [hold(50, 10), post(51, 50, 4), void(52, 50), post(53, 50)]

        assert await ledger.create_transfers(batch) == [
            S.CREATED,
            S.CREATED,
            S.PENDING_TRANSFER_ALREADY_POSTED,
            S.PENDING_TRANSFER_ALREADY_POSTED,
        ]

    async def test_give_their_user_data_to_a_post_that_has_none(self, ledger: ModelLedger) -> None:
        marked = hold(50, 10, user_data_128=1, user_data_64=2, user_data_32=3)
        posted = post(51, 50, user_data_32=4)

        assert await ledger.create_transfers([marked, posted]) == [S.CREATED, S.CREATED]

        [recorded] = ledger.cluster.lookup_transfers([51])
        assert (recorded.user_data_128, recorded.user_data_64, recorded.user_data_32) == (1, 2, 4)
        again = [posted, post(51, 50), post(51, 50, user_data_64=9, user_data_32=4)]
        assert await ledger.create_transfers(again) == [
            S.EXISTS,
            S.EXISTS_WITH_DIFFERENT_USER_DATA_32,
            S.EXISTS_WITH_DIFFERENT_USER_DATA_64,
        ]

    async def test_that_were_refused_cannot_be_posted(self, ledger: ModelLedger) -> None:
        statuses = await ledger.create_transfers([hold(50, 601), post(51, 50)])

        assert statuses == [S.EXCEEDS_CREDITS, S.PENDING_TRANSFER_NOT_FOUND]


class TestBurntIds:
    async def test_a_hold_refused_for_funds_fails_after_funding(self) -> None:
        ledger = ModelLedger(LEDGER)
        await ledger.create_accounts(ACCOUNTS)

        assert await ledger.create_transfers([hold(1, 100)]) == [S.EXCEEDS_CREDITS]
        assert await ledger.create_transfers([fund(2, 100)]) == [S.CREATED]
        assert await ledger.create_transfers([hold(1, 100)]) == [S.ID_ALREADY_FAILED]
        assert await ledger.create_transfers([hold(3, 100)]) == [S.CREATED]

    @pytest.mark.parametrize(
        "refused",
        [
            move(50, 601),
            move(50, 600, credit_account_id=CREDIT_LIMITED),
            move(50, 1, debit_account_id=NOBODY),
            move(50, 1, credit_account_id=NOBODY),
            post(50, 77),
        ],
    )
    async def test_fail_for_ever_in_this_batch_and_in_later_ones(
        self, ledger: ModelLedger, refused: Transfer
    ) -> None:
        first = await ledger.create_transfers([refused, move(50, 1)])
        later = await ledger.create_transfers([move(50, 1), post(50, 10)])

        assert first[1] is S.ID_ALREADY_FAILED
        assert later == [S.ID_ALREADY_FAILED, S.ID_ALREADY_FAILED]

    @pytest.mark.parametrize(
        "refused", [move(50, 1, code=0), move(50, 1, ledger=5), post(50, 20), post(50, 10, 301)]
    )
    async def test_are_not_those_of_refusals_that_never_change(
        self, ledger: ModelLedger, refused: Transfer
    ) -> None:
        statuses = await ledger.create_transfers([refused, move(50, 1)])

        assert statuses[0] is not S.CREATED
        assert statuses[1] is S.CREATED

    async def test_an_unknown_transfer_is_cancelled_or_discovered(
        self, ledger: ModelLedger
    ) -> None:
        """`ledger-failover`: the id again, with a debit account that does not exist."""
        probe_absent = move(50, 5, debit_account_id=NOBODY)
        probe_applied = fund(1, 1000, debit_account_id=NOBODY)

        assert await ledger.create_transfers([probe_absent, move(50, 5), probe_applied]) == [
            S.DEBIT_ACCOUNT_NOT_FOUND,
            S.ID_ALREADY_FAILED,
            S.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID,
        ]


class TestBatch:
    async def test_applies_in_order_so_that_money_can_be_spent_where_it_arrives(
        self, ledger: ModelLedger
    ) -> None:
        batch = [move(50, 601), fund(51, 1), move(52, 601), move(52, 601), move(53, 1)]

        assert await ledger.create_transfers(batch) == [
            S.EXCEEDS_CREDITS,
            S.CREATED,
            S.CREATED,
            S.EXISTS,
            S.EXCEEDS_CREDITS,
        ]

    async def test_twice_is_once(self, ledger: ModelLedger) -> None:
        batch = [fund(50, 5), hold(51, 5), post(52, 51, 3), hold(53, 2), void(54, 53)]
        await ledger.create_transfers(batch)
        before = await customer_of(ledger)

        assert await ledger.create_transfers(batch) == [S.EXISTS] * len(batch)
        assert await customer_of(ledger) == before

    async def test_of_nothing_is_nothing(self, ledger: ModelLedger) -> None:
        assert await ledger.create_transfers([]) == []

    async def test_changes_are_net_and_leave_out_what_did_not_move(self) -> None:
        accounts = {
            one.id: AccountState(
                ledger=LEDGER, flags=int(one.flags), balance=Balance(account_id=one.id)
            )
            for one in ACCOUNTS
        }
        there_and_back = [
            fund(1, 50, credit_account_id=OTHER, flags=PENDING),
            void(2, 1),
            fund(3, 7),
            fund(4, 5),
        ]

        decision = decide(accounts, Known(transfers={}, burnt=(), resolved={}), there_and_back)

        assert [
            (change.account_id, change.debits_posted, change.credits_posted)
            for change in decision.changes
        ] == [(SETTLEMENT, 12, 0), (CUSTOMER, 0, 12)]
        assert [one.amount for one in decision.created] == [50, 50, 7, 5]

    @pytest.mark.parametrize(
        ("batch", "complaint"),
        [
            ([fund(50, 1, flags=TransferFlags.IMPORTED)], "IMPORTED is not supported"),
            ([fund(50, AMOUNT_MAX + 1)], "out of range"),
            ([fund(50, -1)], "out of range"),
            ([fund(-1, 1)], "out of range"),
            ([fund(50, 1, debit_account_id=ID_MAX + 1)], "out of range"),
            ([fund(50, 1, ledger=2**32)], "out of range"),
            ([fund(50, 1, code=2**16)], "out of range"),
            ([fund(50, 1, timeout=2**32)], "out of range"),
            ([fund(50, 1, user_data_128=2**128)], "out of range"),
            ([fund(50, 1, user_data_64=2**64)], "out of range"),
            ([fund(50, 1, user_data_32=-1)], "out of range"),
            ([fund(50, 1)] * TRANSFERS_MAX, "8190 transfers"),
        ],
    )
    async def test_with_what_is_not_supported_is_refused_before_anything_happens(
        self, ledger: ModelLedger, batch: Sequence[Transfer], complaint: str
    ) -> None:
        before = await ledger.balances(range(1, 5))

        with pytest.raises(ValueError, match=complaint):
            await ledger.create_transfers([fund(60, 1), *batch])

        assert await ledger.balances(range(1, 5)) == before
        assert await ledger.create_transfers([fund(60, 1)]) == [S.CREATED]


class TestAccounts:
    async def test_may_be_created_again(self, ledger: ModelLedger) -> None:
        before = await ledger.balances(range(1, 5))

        await ledger.create_accounts([*ACCOUNTS, *ACCOUNTS])

        assert await ledger.balances(range(1, 5)) == before

    async def test_with_one_id_and_two_meanings_are_an_assertion_that_shows_both(
        self, ledger: ModelLedger
    ) -> None:
        with pytest.raises(AssertionError, match=r"code=1.*flags.*not .*code=2"):
            await ledger.create_accounts(
                [account(70), LedgerAccount(id=CUSTOMER, ledger=LEDGER, code=2)]
            )

        assert await ledger.balances([70]) == {}

    @pytest.mark.parametrize(
        "wrong",
        [
            LedgerAccount(id=0, ledger=LEDGER, code=1),
            LedgerAccount(id=ID_MAX, ledger=LEDGER, code=1),
            LedgerAccount(id=5, ledger=LEDGER + 1, code=1),
            LedgerAccount(id=5, ledger=LEDGER, code=0),
            LedgerAccount(id=5, ledger=LEDGER, code=1, flags=AccountFlags.LINKED),
            LedgerAccount(id=5, ledger=LEDGER, code=1, user_data_64=1),
            LedgerAccount(id=5, ledger=LEDGER, code=1, timestamp=1),
            LedgerAccount(
                id=5,
                ledger=LEDGER,
                code=1,
                flags=AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
                | AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS,
            ),
        ],
    )
    async def test_that_not_every_backend_takes_are_an_assertion(
        self, ledger: ModelLedger, wrong: LedgerAccount
    ) -> None:
        with pytest.raises(AssertionError, match=r"account|belong|limit"):
            await ledger.create_accounts([wrong])

    async def test_that_do_not_exist_have_no_balance(self, ledger: ModelLedger) -> None:
        assert set(await ledger.balances([CUSTOMER, NOBODY, CUSTOMER])) == {CUSTOMER}
