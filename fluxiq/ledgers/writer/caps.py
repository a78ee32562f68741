"""How much the stand-in may debit before TigerBeetle knows of it: `standin_limited`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from fluxiq.domain.ledger_records import Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.domain.postings import TransferCode
from fluxiq.errors import LedgerDegraded

RETRY_SECONDS: Final = 30.0

# A refund holds its amount twice, in one chain: the customer's money, and room in the limit of what
# was received. That limit is a counter, in no report: nothing leaves by it, its account bounds its
# debits itself, and the chain exists only whole. So the money's leg bounds the refund, once.
# A fee is a part of what its own chain has just received, and stays in the house: were it to count,
# a cap that is spent would keep money from being received.
_UNCOUNTED: Final = frozenset({TransferCode.REFUND_LIMIT, TransferCode.FEE})


def cap_reached() -> LedgerDegraded:
    """What is said to whoever asks for more."""
    return LedgerDegraded(
        "TigerBeetle is away, and the stand-in's cap is reached", retry_after=RETRY_SECONDS
    )


class Caps:
    """Debits of one account, and of all together, in centavos. Holds count when they are made.

    `house` accounts are the institution's own: a PIX received debits one, and is always safe.
    """

    def __init__(self, account_cap: int, institution_cap: int, house: frozenset[int]) -> None:
        self._account_cap = account_cap
        self._institution_cap = institution_cap
        self._house = house
        self._total = 0
        self._by_account: dict[int, int] = {}

    def clear(self) -> None:
        self._total = 0
        self._by_account.clear()

    def admit(self, transfers: Sequence[Transfer]) -> bool:
        """Count all of them as spent, or none and False where that would be too much."""
        added: dict[int, int] = {}
        for one in self._debits(transfers):
            added[one.debit_account_id] = added.get(one.debit_account_id, 0) + one.amount
        if not self.have_room(added):
            return False
        self._add(added.items(), 1)
        return True

    def have_room(self, debits: Mapping[int, int]) -> bool:
        """Say whether so much more, by account, would be admitted. None of them the house's."""
        if self._total + sum(debits.values()) > self._institution_cap:
            return False
        return all(
            self._spent(account) + more <= self._account_cap for account, more in debits.items()
        )

    def count(self, transfers: Sequence[Transfer], statuses: Iterable[TransferStatus]) -> None:
        """Count what the stand-in did before, over the caps or not."""
        created = [
            one
            for one, status in zip(transfers, statuses, strict=True)
            if status is TransferStatus.CREATED
        ]
        self._add(((one.debit_account_id, one.amount) for one in self._debits(created)), 1)

    def give_back(
        self, transfers: Sequence[Transfer], statuses: Iterable[TransferStatus | None]
    ) -> None:
        """Take back what was admitted and then not created."""
        refused = [
            one
            for one, status in zip(transfers, statuses, strict=True)
            if status is not TransferStatus.CREATED
        ]
        self._add(((one.debit_account_id, one.amount) for one in self._debits(refused)), -1)

    def _debits(self, transfers: Iterable[Transfer]) -> Iterable[Transfer]:
        return (
            one
            for one in transfers
            if one.debit_account_id
            and not one.pending_id
            and one.debit_account_id not in self._house
            and one.code not in _UNCOUNTED
        )

    def _spent(self, account_id: int) -> int:
        return self._by_account.get(account_id, 0)

    def _add(self, debits: Iterable[tuple[int, int]], sign: int) -> None:
        for account_id, amount in debits:
            self._total += sign * amount
            self._by_account[account_id] = self._spent(account_id) + sign * amount
            if not self._by_account[account_id]:
                del self._by_account[account_id]
