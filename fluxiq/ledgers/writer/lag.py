"""How far the mirror is behind what this writer has sealed, known without asking Postgres."""

from heapq import heappop, heappush


class Lag:
    """`transfers` are in the journal and not in the mirror, as far as this writer has sealed them.

    The mirror says how many rows it took, not which: it takes answered rows in order of seq, so
    those are struck off here. Who else moves it (a stand-in, `ledger verify`), and a commit that
    was not told, make this too high, until the mirror says that nothing is left: then all that was
    answered before it was asked is in. It is never too low by more than what comes and goes within
    one step of the mirror; a writer begins to seal only after the mirror was brought up to date.
    """

    def __init__(self) -> None:
        self.transfers = 0
        self._sealed: dict[int, int] = {}  # transfers by seq, without an answer in the journal
        # With one, noted before and after the mirror was asked last. The first is a heap.
        self._ready: list[tuple[int, int]] = []
        self._since: list[tuple[int, int]] = []

    def sealed(self, seq: int, transfers: int) -> None:
        """A batch is in the journal."""
        self._sealed[seq] = transfers
        self.transfers += transfers

    def answered(self, seqs: list[int]) -> None:
        """Its answer is; rows that others sealed do not count."""
        self._since += [(seq, self._sealed.pop(seq)) for seq in seqs if seq in self._sealed]

    def unanswered(self) -> set[int]:
        """The seqs that were sealed here and had no answer so far."""
        return set(self._sealed)

    @property
    def has_news(self) -> bool:
        """Say whether there are answers that the mirror was not asked about."""
        return bool(self._since)

    def asked(self) -> None:
        """The mirror is asked to take rows."""
        for row in self._since:
            heappush(self._ready, row)
        self._since.clear()

    def took(self, rows: int) -> None:
        """It took so many; after none it has everything that was ready when it was asked."""
        for _ in range(min(rows, len(self._ready)) if rows else len(self._ready)):
            _, transfers = heappop(self._ready)
            self.transfers -= transfers
