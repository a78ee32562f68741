"""How much to ask for."""

from dataclasses import dataclass
from typing import Final

QUICK_PAYMENTS: Final = 60
QUICK_CALLERS: Final = 8
BATCH_LINES: Final = 1000  # the most that a batch may have
QUICK_LINES: Final = 50
READS: Final = 1000
TRANSFERS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsEffort:
    """`payments` of each kind, `callers` requests in flight; `quick` is for looking at the shape,
    and takes the place of both.
    """

    payments: int
    callers: int
    quick: bool = False

    @property
    def count(self) -> int:
        return QUICK_PAYMENTS if self.quick else self.payments

    @property
    def at_once(self) -> int:
        return QUICK_CALLERS if self.quick else self.callers

    @property
    def lines(self) -> int:
        """Of one batch."""
        return QUICK_LINES if self.quick else BATCH_LINES

    @property
    def batches(self) -> int:
        return max(1, self.count // self.lines)

    def few(self, full: int) -> int:
        """How many of what is asked for by one caller, one after the other."""
        return min(full, QUICK_PAYMENTS) if self.quick else full
