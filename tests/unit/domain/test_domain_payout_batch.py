"""The life of a batch of payouts, every event in every status."""

from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.domain.payout_batch import (
    TERMINAL,
    TRANSITIONS,
    BatchEvent,
    BatchStatus,
    PayoutBatch,
    advance,
    line_key,
)

S, E = BatchStatus, BatchEvent
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)

FOLLOWS = {
    (S.AWAITING_RELEASE, E.RELEASED): S.RELEASING,
    (S.AWAITING_RELEASE, E.REJECTED): S.REJECTED,
    (S.AWAITING_RELEASE, E.TIMED_OUT): S.EXPIRED,
    (S.RELEASING, E.OPENED): S.RELEASED,
}


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("event", E)
def test_an_event_does_what_the_table_says_and_nothing_else(status: S, event: E) -> None:
    assert advance(status, event) is FOLLOWS.get((status, event))


def test_what_has_ended_stays_so_and_everything_else_can_end() -> None:
    assert {status for status, _ in TRANSITIONS}.isdisjoint(TERMINAL)
    assert {status for status, _ in TRANSITIONS} | TERMINAL == set(S)


def test_a_batch_is_over_at_the_moment_that_it_expires_and_not_before() -> None:
    batch = PayoutBatch(
        id="bat_1",
        merchant_id="mch_1",
        account_id="acc_1",
        name="suppliers",
        status=S.AWAITING_RELEASE,
        line_count=1,
        amount=1,
        created_by="usr_1",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW + timedelta(hours=24),
    )
    assert not batch.is_over(NOW + timedelta(hours=24) - timedelta(microseconds=1))
    assert batch.is_over(NOW + timedelta(hours=24))


def test_each_line_of_each_batch_has_a_key_of_its_own() -> None:
    batches = ("bat_1", "bat_11")
    keys = {line_key(batch, number) for batch in batches for number in range(1, 20)}
    assert len(keys) == 38
