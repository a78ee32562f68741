"""Whether the ledger would take more at this moment, asked before anything is on paper."""

from collections.abc import Mapping
from typing import Protocol


class Admission(Protocol):
    """Asked before an intent is written down: a refusal then leaves nothing behind, and the same
    request is granted once the ledger is itself again. What is admitted may still have to wait.
    """

    def foresee(self, debits: Mapping[int, int]) -> None:
        """Raises LedgerDegraded where the institution's policy lets the ledger debit no such thing
        while TigerBeetle is away, and Unavailable where nobody would write it. Never waits, and
        reserves nothing. `debits`: centavos by account, as the ledger calls it.
        """
