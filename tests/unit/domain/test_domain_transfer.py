"""The life of a book transfer, what it moves, and what the ledger says it belongs to."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain import transfer_postings as postings
from fluxiq.domain.account import AccountEvent
from fluxiq.domain.account import advance as advance_account
from fluxiq.domain.identifiers import IdPrefix, build_id
from fluxiq.domain.postings import AccountCode, customer_ledger_id
from fluxiq.domain.product import PRODUCTS, product_named
from fluxiq.domain.records import AccountFlags, AccountStatus, TransferFlags
from fluxiq.domain.references import (
    end_to_end_id_of,
    end_to_end_reference,
    ulid_id_of,
    ulid_reference,
)
from fluxiq.domain.transfer import (
    PUBLIC_STATUS,
    TERMINAL,
    TRANSITIONS,
    UNFINISHED,
    TransferEvent,
    TransferLifeStatus,
    TransferStage,
    advance,
    stages_of,
)
from fluxiq.domain.ulid import encode_128
from fluxiq.errors import Refused

ISPB = "12345678"
LEDGER = 7
XFER = "xfer_01JZ0000000000000000000000"
ACC = "acc_01JZ0000000000000000000000"
SOURCE, DESTINATION = 11, 12
S, E = TransferStage, TransferEvent


def test_every_end_is_reached_and_none_is_left() -> None:
    reached = set(TRANSITIONS.values())
    assert reached >= TERMINAL
    assert not {stage for stage, _ in TRANSITIONS} & TERMINAL


@given(st.lists(st.sampled_from(TransferEvent), max_size=12))
def test_whatever_happens_in_whatever_order_there_is_one_end(events: list[TransferEvent]) -> None:
    stage, ends = S.CREATED, []
    for event in events:
        after = advance(stage, event)
        if after is not None:
            stage = after
            ends += [stage] if stage in TERMINAL else []

    assert len(ends) <= 1


@given(st.lists(st.sampled_from(TransferEvent), max_size=12))
def test_what_was_declined_never_completes_and_what_was_approved_never_fails(
    events: list[TransferEvent],
) -> None:
    seen = [S.CREATED]
    for event in events:
        seen.append(advance(seen[-1], event) or seen[-1])

    assert not {S.DECLINED, S.COMPLETED} <= set(seen)
    assert not {S.APPROVED, S.FAILED} <= set(seen)


def test_a_stage_is_an_end_or_waits_for_a_person_or_is_the_sweeps() -> None:
    assert TERMINAL | UNFINISHED | {S.PENDING} == set(TransferStage)


def test_every_stage_has_one_status_and_every_status_its_stages() -> None:
    assert set(PUBLIC_STATUS) == set(TransferStage)
    listed = [stage for status in TransferLifeStatus for stage in stages_of(status)]
    assert sorted(listed) == sorted(TransferStage)


def test_blocking_and_unblocking_twice_is_once_and_an_inactive_account_stays() -> None:
    table = {
        (AccountStatus.ACTIVE, AccountEvent.BLOCKED): AccountStatus.BLOCKED,
        (AccountStatus.BLOCKED, AccountEvent.BLOCKED): AccountStatus.BLOCKED,
        (AccountStatus.BLOCKED, AccountEvent.UNBLOCKED): AccountStatus.ACTIVE,
        (AccountStatus.ACTIVE, AccountEvent.UNBLOCKED): AccountStatus.ACTIVE,
    }
    for status in AccountStatus:
        for event in AccountEvent:
            assert advance_account(status, event) is table.get((status, event))


def test_products_are_known_by_name_and_no_others() -> None:
    assert set(PRODUCTS) == {"prod_pix_merchant", "prod_pix_settlement"}
    with pytest.raises(Refused, match="no product prod_gold"):
        product_named("prod_gold")


# Postings.


def test_a_transfer_moves_from_payer_to_payee_and_says_which_it_is() -> None:
    moved = postings.transfer_move(
        ISPB, LEDGER, XFER, source=SOURCE, destination=DESTINATION, amount=500
    )
    assert (moved.debit_account_id, moved.credit_account_id) == (SOURCE, DESTINATION)
    assert (moved.amount, moved.flags, moved.ledger) == (500, TransferFlags.NONE, LEDGER)
    assert ulid_id_of(IdPrefix.TRANSFER, moved.user_data_128) == XFER


def test_held_and_posted_it_is_the_same_entry_as_at_once() -> None:
    accounts = {"source": SOURCE, "destination": DESTINATION, "amount": 500}
    hold = postings.transfer_hold(ISPB, LEDGER, XFER, **accounts)
    post = postings.transfer_post(ISPB, LEDGER, XFER, 500)
    void = postings.transfer_void(ISPB, LEDGER, XFER, 500)

    assert hold.flags == TransferFlags.PENDING
    assert hold.timeout == 0
    assert post.id == postings.transfer_move(ISPB, LEDGER, XFER, **accounts).id
    assert len({hold.id, post.id, void.id}) == 3
    for one in (post, void):
        assert (one.pending_id, one.code, one.amount) == (hold.id, hold.code, 500)


def test_blocked_money_has_an_account_of_its_own_that_cannot_go_below_zero() -> None:
    blocked = postings.blocked_account(ISPB, LEDGER, ACC)
    assert blocked.code == AccountCode.BLOCKED
    assert blocked.flags == AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
    assert blocked.id != customer_ledger_id(ISPB, ACC)


def test_a_case_blocks_and_releases_an_account_once_each() -> None:
    block = postings.block(ISPB, LEDGER, "case 1", ACC, 5)
    release = postings.release(ISPB, LEDGER, "case 1", ACC, 5)
    customer, blocked = customer_ledger_id(ISPB, ACC), postings.blocked_ledger_id(ISPB, ACC)

    assert (block.debit_account_id, block.credit_account_id) == (customer, blocked)
    assert (release.debit_account_id, release.credit_account_id) == (blocked, customer)
    others = [
        postings.block(ISPB, LEDGER, "case 2", ACC, 5),
        postings.block(ISPB, LEDGER, "case 1", ACC[:-1] + "1", 5),
    ]
    assert len({one.id for one in (block, release, *others)}) == 4


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_not_moved(amount: int) -> None:
    with pytest.raises(AssertionError):
        postings.block(ISPB, LEDGER, "case 1", ACC, amount)


# References.

suffixes = st.text(string.ascii_letters + string.digits, min_size=11, max_size=11)
minutes = st.datetimes().map(lambda at: f"{at.year:04d}{at:%m%d%H%M}")


@given(st.sampled_from("ED"), minutes, suffixes)
def test_an_end_to_end_id_comes_back_from_its_reference(
    letter: str, minute: str, suffix: str
) -> None:
    said = f"{letter}{ISPB}{minute}{suffix}"
    reference = end_to_end_reference(said)

    assert 0 < reference < 2**128
    assert end_to_end_id_of(letter, ISPB, reference) == said


def test_a_hold_from_before_there_were_references_has_none() -> None:
    assert end_to_end_id_of("E", ISPB, 0) is None


@given(st.integers(0, 2**128 - 1))
def test_a_records_id_comes_back_from_its_reference(value: int) -> None:
    said = build_id(IdPrefix.TRANSFER, encode_128(value))

    assert ulid_id_of(IdPrefix.TRANSFER, ulid_reference(said)) == said
