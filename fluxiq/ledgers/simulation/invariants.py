"""What must hold: I1 to I8 of the design, and that what callers were told is true."""

from collections.abc import Iterable, Mapping, Sequence

from fluxiq.domain.ledger_records import AccountFlags, Balance, Transfer, TransferFlags
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.books import AccountState


class Violation(AssertionError):
    """An invariant is broken; `invariant` is its name."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(f"{invariant}: {what}")
        self.invariant = invariant


def demand(holds: bool, invariant: str, what: str) -> None:
    if not holds:
        raise Violation(invariant, what)


def debits_equal_credits(where: str, balances: Iterable[Balance]) -> None:
    posted = pending = 0
    for one in balances:
        posted += one.debits_posted - one.credits_posted
        pending += one.debits_pending - one.credits_pending
    demand(posted == pending == 0, "I1", f"{where}: {posted} posted and {pending} pending too many")


def limits_are_kept(where: str, states: Iterable[AccountState]) -> None:
    for state in states:
        one = state.balance
        if state.flags & int(AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS):
            over = one.debits_posted + one.debits_pending - one.credits_posted
            demand(over <= 0, "I2", f"{where}: account {one.account_id} is {over} over its limit")


def is_one_ledger(where: str, transfers: Iterable[Transfer], ledger: int) -> None:
    for one in transfers:
        demand(one.ledger == ledger, "I6", f"{where}: transfer {one.id:x} is of {one.ledger}")


def balances_agree(where: str, ours: Mapping[int, Balance], theirs: Mapping[int, Balance]) -> None:
    """An account that one side does not have yet has moved nothing."""
    for account_id in sorted({*ours, *theirs}):
        nothing = Balance(account_id=account_id)
        here, there = ours.get(account_id, nothing), theirs.get(account_id, nothing)
        demand(here == there, "I5", f"{where}: {here} in Postgres, {there} in TigerBeetle")


class Told:
    """What callers were told of one institution's transfers, definite answers only."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.stands: dict[int, Transfer] = {}
        self.refused: dict[int, TransferStatus] = {}
        self.refused_requests: list[Sequence[Transfer]] = []
        self.never_left: dict[int, Transfer] = {}  # nobody said more than Unavailable

    def hear(self, transfers: Sequence[Transfer], statuses: Sequence[TransferStatus]) -> None:
        """Take note of an answer, and compare it with the earlier ones."""
        if not any(status.stands for status in statuses):
            self.refused_requests.append(transfers)
        for chain, answers in _chains(transfers, statuses):
            existed = TransferStatus.EXISTS in answers
            for one, status in zip(chain, answers, strict=True):
                if status.stands:
                    self.stands[one.id] = one
                elif existed and status is TransferStatus.LINKED_EVENT_FAILED:
                    continue  # of a chain that was created before: says nothing
                else:
                    self.refused[one.id] = status
                both = one.id in self.stands and one.id in self.refused
                wrong = f"{self.where}: {one.id:x} stands, and was refused: {status}"
                demand(not both, "an answer is final", wrong)

    def is_true(self, backend: str, transfers: Mapping[int, Transfer]) -> None:
        """Compare what was told with what is there in the end."""
        where = f"{self.where}, {backend}"
        for one_id, one in self.stands.items():
            there = transfers.get(one_id)
            demand(
                there is not None, "I3", f"{where}: {one_id:x} was acknowledged and is not there"
            )
            assert there is not None
            demand(_same(one, there), "I3", f"{where}: {one} was acknowledged, {there} is there")
        for one_id, status in self.refused.items():
            wrong = f"{where}: {one_id:x} was refused as {status} and is there"
            demand(one_id not in transfers, "I4", wrong)
        for one_id in self.never_left:
            wrong = f"{where}: {one_id:x} was only ever unavailable and is there"
            demand(one_id not in transfers, "I4", wrong)


def _chains(
    transfers: Sequence[Transfer], statuses: Sequence[TransferStatus]
) -> Iterable[tuple[Sequence[Transfer], Sequence[TransferStatus]]]:
    start = 0
    for place, one in enumerate(transfers):
        if not one.flags & TransferFlags.LINKED:
            yield transfers[start : place + 1], statuses[start : place + 1]
            start = place + 1


def _same(told: Transfer, there: Transfer) -> bool:
    if told.pending_id:
        return (told.flags, told.pending_id) == (there.flags, there.pending_id)
    return (told.flags, told.amount, told.debit_account_id, told.credit_account_id) == (
        there.flags,
        there.amount,
        there.debit_account_id,
        there.credit_account_id,
    )
