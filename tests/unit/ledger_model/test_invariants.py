"""What holds for every history, whatever is asked: random histories, one seed each."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.domain.ledger_records import AccountFlags, Balance, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TRANSIENT, TransferStatus
from fluxiq.ledgers.expiry import SECOND_NS
from fluxiq.ledgers.model_cluster import ModelCluster
from tests.support.ledger_histories import (
    ACCOUNTS,
    LEDGER,
    OTHER_LEDGER,
    Batches,
    move,
    transfers_history,
)

S = TransferStatus
LONG_SECONDS = 10_000
IDS = [one.id for one in ACCOUNTS]

seeds = st.integers(0, 2**32)
often = settings(max_examples=150, deadline=None)


def new_cluster() -> ModelCluster:
    cluster = ModelCluster()
    cluster.create_accounts(ACCOUNTS)
    return cluster


def history_of(seed: int) -> Batches[Transfer]:
    return transfers_history(Random(seed), everything=True, timeout=2)


def balances(cluster: ModelCluster) -> list[Balance]:
    return [record.balance for record in cluster.lookup_accounts(IDS)]


@often
@given(seeds)
def test_debits_equal_credits_in_each_ledger(seed: int) -> None:
    cluster = new_cluster()

    for batch in history_of(seed):
        cluster.create_transfers(batch)
        cluster.expire(cluster.now + SECOND_NS)

        for ledger in (LEDGER, OTHER_LEDGER):
            found = cluster.lookup_accounts(IDS)
            of_ledger = [one.balance for one in found if one.account.ledger == ledger]
            assert sum(one.debits_posted for one in of_ledger) == sum(
                one.credits_posted for one in of_ledger
            )
            assert sum(one.debits_pending for one in of_ledger) == sum(
                one.credits_pending for one in of_ledger
            )


@often
@given(seeds)
def test_no_limited_account_crosses_its_limit_after_any_transfer(seed: int) -> None:
    """Batches of one, so that every prefix is looked at."""
    cluster = new_cluster()

    for transfer in (one for batch in history_of(seed) for one in batch):
        cluster.create_transfers([replace(transfer, flags=transfer.flags & ~TransferFlags.LINKED)])

        for record in cluster.lookup_accounts(IDS):
            now = record.balance
            if record.account.flags & AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS:
                assert now.debits_pending + now.debits_posted <= now.credits_posted
            if record.account.flags & AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS:
                assert now.credits_pending + now.credits_posted <= now.debits_posted


@often
@given(seeds)
def test_twice_is_once(seed: int) -> None:
    """Chains, refusals and all. Only a counter at its end may have come back meanwhile: that is the
    one refusal that can pass and does not burn the id.
    """
    cluster = new_cluster()

    for batch in history_of(seed):
        first = [result.status for result in cluster.create_transfers(batch)]
        before = balances(cluster)
        again = [result.status for result in cluster.create_transfers(batch)]

        if not any("overflows" in status for status in first):
            assert S.CREATED not in again
            assert balances(cluster) == before


@often
@given(seeds)
def test_a_chain_is_all_or_nothing(seed: int) -> None:
    cluster = new_cluster()

    for batch in history_of(seed):
        statuses = [result.status for result in cluster.create_transfers(batch)]
        start = 0

        for place, transfer in enumerate(batch):
            if transfer.flags & TransferFlags.LINKED and place < len(batch) - 1:
                continue

            chain = statuses[start : place + 1]
            created = chain.count(S.CREATED)
            assert created in {0, len(chain)}
            # One of them has a reason of its own, or two where the batch left the chain open.
            if not created and len(chain) > 1:
                reasons = len(chain) - chain.count(S.LINKED_EVENT_FAILED)
                assert reasons - chain.count(S.LINKED_EVENT_CHAIN_OPEN) in {0, 1}
                assert reasons >= 1

            start = place + 1


@often
@given(seeds)
def test_an_id_burns_when_its_refusal_could_have_passed_and_only_then(seed: int) -> None:
    cluster = new_cluster()
    burnt: set[int] = set()
    created: set[int] = set()

    for batch in history_of(seed):
        for transfer, result in zip(batch, cluster.create_transfers(batch), strict=True):
            if result.status is S.ID_ALREADY_FAILED:
                assert transfer.id in burnt
            if result.status is S.CREATED:
                assert transfer.id not in burnt | created
                created.add(transfer.id)
            if result.status in TRANSIENT:
                burnt.add(transfer.id)

    assert not burnt & created
    for transfer_id in burnt:
        [result] = cluster.create_transfers([move(transfer_id, 1, 2, 0)])
        assert result.status is S.ID_ALREADY_FAILED


@often
@given(seeds)
def test_counters_are_the_sums_of_what_was_applied(seed: int) -> None:
    """Balances come from the decisions' net changes; this adds up the transfers themselves."""
    cluster = new_cluster()
    batches = history_of(seed)
    for batch in batches:
        cluster.create_transfers(batch)
        cluster.expire(cluster.now + SECOND_NS)

    ids = sorted({one.id for batch in batches for one in batch})
    applied = {one.id: one for one in cluster.lookup_transfers(ids)}
    cluster.expire(cluster.now + LONG_SECONDS * SECOND_NS)
    resolved = {one.pending_id: one for one in applied.values() if one.pending_id}
    open_holds = [
        one
        for one in applied.values()
        if one.flags & TransferFlags.PENDING
        and one.id not in resolved
        and not 0 < one.timeout <= LONG_SECONDS
    ]
    posted = [
        one
        for one in applied.values()
        if not one.flags & (TransferFlags.PENDING | TransferFlags.VOID_PENDING_TRANSFER)
    ]

    assert balances(cluster) == [
        Balance(
            account_id=account_id,
            debits_pending=sum(x.amount for x in open_holds if x.debit_account_id == account_id),
            debits_posted=sum(x.amount for x in posted if x.debit_account_id == account_id),
            credits_pending=sum(x.amount for x in open_holds if x.credit_account_id == account_id),
            credits_posted=sum(x.amount for x in posted if x.credit_account_id == account_id),
        )
        for account_id in IDS
    ]
