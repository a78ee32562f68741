"""`ports.admission.Admission` in memory."""

from collections.abc import Mapping

from fluxiq.errors import LedgerDegraded, Unavailable


class MemoryAdmission:
    """`says` is raised for everything; `room` are centavos that a ledger standing in takes of all
    accounts together (None: no matter).
    """

    def __init__(self) -> None:
        self.says: Unavailable | None = None
        self.room: int | None = None

    def foresee(self, debits: Mapping[int, int]) -> None:
        if self.says is not None:
            raise self.says
        if self.room is not None and sum(debits.values()) > self.room:
            raise LedgerDegraded("the stand-in's cap is reached", retry_after=30.0)
