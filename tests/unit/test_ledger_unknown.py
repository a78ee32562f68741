"""U laid over the balances: whatever subset of it executes, and whenever, nothing is overdrawn."""

from collections.abc import Sequence
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from fluxiq.domain.ledger_records import AccountFlags, Balance, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.books import AccountState, Known
from fluxiq.ledgers.decision import decide
from fluxiq.ledgers.model_cluster import ModelCluster
from fluxiq.ledgers.parts import Backend, Row
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.unknown import NOTHING_UNKNOWN, Overlay
from tests.support.ledger_histories import PLAIN_ACCOUNTS, linked, move, post, void

S = TransferStatus
PENDING = TransferFlags.PENDING
IDS = [account.id for account in PLAIN_ACCOUNTS]


def overlay_of(*transfers: Transfer) -> Overlay:
    records = pack_transfers(transfers)
    row = Row(seq=7, epoch=1, backend=Backend.TIGERBEETLE, records=records, results=None)
    return Overlay([row])


def state(account_id: int, flags: AccountFlags) -> AccountState:
    balance = Balance(account_id=account_id, debits_pending=1, credits_pending=2)
    return AccountState(ledger=76, flags=int(flags), balance=balance)


def test_knows_what_it_touches_and_what_it_would_move() -> None:
    overlay = overlay_of(
        move(10, 2, 1, 5), move(11, 2, 1, 7, flags=PENDING), post(12, 20, 3), void(13, 21)
    )

    assert overlay.seqs == (7,)
    assert overlay.ids == {10, 11, 12, 13, 20, 21}
    assert (overlay.debits, overlay.credits) == ({2: 12}, {1: 12})


def test_takes_from_the_side_that_is_limited_and_gives_nothing() -> None:
    overlay = overlay_of(move(10, 2, 4, 5), move(11, 4, 2, 9))
    accounts = {
        1: state(1, AccountFlags.NONE),
        2: state(2, AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS),
        4: state(4, AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS),
    }

    over = overlay.over(accounts)

    assert over[1] == accounts[1]
    assert over[2].balance == Balance(account_id=2, debits_pending=6, credits_pending=2)
    assert over[4].balance == Balance(account_id=4, debits_pending=1, credits_pending=7)


def test_nothing_unknown_changes_nothing() -> None:
    accounts = {1: state(1, AccountFlags.NONE)}

    assert NOTHING_UNKNOWN.over(accounts) is accounts
    assert NOTHING_UNKNOWN.in_doubt([move(1, 1, 2, 3)]) == ()


def test_what_depends_on_it_is_in_doubt() -> None:
    overlay = overlay_of(move(10, 2, 1, 5, flags=PENDING), post(11, 20))
    transfers = [
        move(10, 2, 1, 5, flags=PENDING),  # the same id
        post(30, 10),  # its hold
        void(31, 20),  # what resolves its hold
        move(32, 2, 1, 5),
        post(33, 34),
        void(35, 30),  # another one in doubt
    ]

    assert overlay.in_doubt(transfers) == {0, 1, 2, 5}


def test_a_chain_is_in_doubt_as_a_whole_and_with_it_what_needs_it() -> None:
    overlay = overlay_of(move(10, 2, 1, 5))
    transfers = [
        *linked(move(30, 2, 1, 5, flags=PENDING), move(10, 2, 1, 5), move(31, 1, 2, 5)),
        post(32, 30),
        *linked(move(33, 1, 2, 5), move(34, 1, 2, 5)),
    ]

    assert overlay.in_doubt(transfers) == {0, 1, 2, 3}


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_of_it_executes_no_account_crosses_its_limit(seed: int) -> None:
    """TigerBeetle executes some of U at some time. Afterwards it can do all that the stand-in did,
    in the same order, and nothing of it is refused.
    """
    random = Random(seed)
    before = _history(random, first_id=10)
    unknown = _history(random, first_id=100, holds=[one for one in before if _is_hold(one)])
    asked = _history(random, first_id=1000, holds=[*before, *unknown])
    asked += random.sample(unknown, random.randint(0, len(unknown)))
    random.shuffle(asked)

    tigerbeetle = _cluster(before)
    created = _stand_in(_cluster(before), unknown, asked)

    chosen = [one for one in unknown if random.random() < 0.5]
    at = random.randint(0, len(chosen))  # some before the replay, some in the middle of it
    middle = random.randint(0, len(created))
    _execute(tigerbeetle, chosen[:at])
    answers = _execute(tigerbeetle, created[:middle])
    _execute(tigerbeetle, chosen[at:])
    answers += _execute(tigerbeetle, created[middle:])

    assert set(answers) <= {S.CREATED}


def _stand_in(
    mirror: ModelCluster, unknown: Sequence[Transfer], asked: Sequence[Transfer]
) -> list[Transfer]:
    """What the stand-in creates over the mirror while `unknown` is unknown."""
    overlay = overlay_of(*unknown)
    in_doubt = overlay.in_doubt(asked)
    transfers = [one for place, one in enumerate(asked) if place not in in_doubt]
    accounts = {
        record.account.id: AccountState(
            ledger=record.account.ledger,
            flags=int(record.account.flags),
            balance=record.balance,
        )
        for record in mirror.lookup_accounts(IDS)
    }
    known = Known(transfers=mirror.transfers, burnt=(), resolved=mirror.resolutions)
    decision = decide(overlay.over(accounts), known, transfers)
    pairs = zip(transfers, decision.results, strict=True)
    return [one for one, status in pairs if status is S.CREATED]


def _cluster(history: Sequence[Transfer]) -> ModelCluster:
    cluster = ModelCluster()
    cluster.create_accounts(PLAIN_ACCOUNTS)
    _execute(cluster, [move(1, 1, 2, 20), move(2, 1, 3, 20), move(3, 4, 1, 20), *history])
    return cluster


def _execute(cluster: ModelCluster, transfers: Sequence[Transfer]) -> list[TransferStatus]:
    return [result.status for result in cluster.create_transfers(transfers)]


def _history(random: Random, *, first_id: int, holds: Sequence[Transfer] = ()) -> list[Transfer]:
    """Ten transfers, holds, and what posts or voids these holds."""
    made = []
    for id_ in range(first_id, first_id + 10):
        if holds and random.random() < 0.4:
            hold = random.choice(holds)
            amount = random.randint(0, hold.amount) if hold.amount < 2**64 else 0
            made.append(post(id_, hold.id, amount) if random.random() < 0.5 else void(id_, hold.id))
        else:
            debit, credit = random.sample(IDS, 2)
            flags = random.choice([TransferFlags.NONE, PENDING])
            made.append(move(id_, debit, credit, random.randint(1, 9), flags=flags))

    return made


def _is_hold(transfer: Transfer) -> bool:
    return bool(transfer.flags & PENDING)
