"""One simulated institution: its tables, its policy, its accounts, and what callers were told."""

from typing import Final

from fluxiq.domain.ledger_records import AccountFlags, LedgerAccount
from fluxiq.ledgers.simulation.database import Database
from fluxiq.ledgers.simulation.invariants import Told
from fluxiq.ledgers.simulation.world import World
from fluxiq.ledgers.writer import Policy, WriterLimits

CUSTOMERS: Final = 4
_POLICIES: Final = (
    Policy.STANDIN_FULL,
    Policy.STANDIN_FULL,
    Policy.STANDIN_LIMITED,
    Policy.STANDIN_LIMITED,
    Policy.QUEUE_ONLY,
    Policy.FAIL_CLOSED,
)


class Institution:
    """`ledger` is its code; ids of accounts and transfers begin with it."""

    def __init__(self, world: World, ledger: int) -> None:
        self.world = world
        self.ledger = ledger
        self.name = f"institution {ledger}"
        self.database = Database(self.name)
        self.told = Told(self.name)
        self.policy = world.random.choice(_POLICIES)
        self.limits = WriterLimits(
            sessions=world.random.randint(1, 4),
            batch_max=world.random.choice([4, 8, 64]),
            waiting_max=256,
            patience_seconds=2.0,
            drain_seconds_max=world.random.choice([0.05, 0.3]),
            replay_rows=world.random.choice([2, 4, 16]),
            mirror_behind_max=world.random.choice([1, 16, 1_000_000]),
            account_cap=world.random.choice([200, 1_000_000]),
            institution_cap=world.random.choice([400, 100_000_000]),
        )
        first = ledger << 32
        self.settlement = first
        self.unidentified = first + CUSTOMERS + 1  # nobody spends from it
        self.customers = [first + 1 + number for number in range(CUSTOMERS)]
        self.opened: list[int] = []  # customers whose account was created
        self._transfers = 0

    @property
    def unmirrored_max(self) -> int:
        """Transfers: each session may have looked before the others sealed."""
        limits = self.limits
        return limits.mirror_behind_max - 1 + limits.sessions * limits.batch_max

    def accounts(self, account_ids: list[int]) -> list[LedgerAccount]:
        return [
            LedgerAccount(
                id=one,
                ledger=self.ledger,
                code=1,
                flags=AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
                if one in self.customers
                else AccountFlags.NONE,
            )
            for one in account_ids
        ]

    def next_id(self) -> int:
        self._transfers += 1
        return (self.ledger << 64) + self._transfers
