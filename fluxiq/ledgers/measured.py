"""Any ledger, measured: what it answered and how long it took, with the same interface."""

from collections import Counter
from collections.abc import Sequence
from time import perf_counter

from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ports import Ledger
from fluxiq.telemetry.metrics import Metrics


class MeasuredLedger:
    """`ports.Ledger` around `ledger`, whose series carry `institution` and `backend`."""

    def __init__(self, ledger: Ledger, metrics: Metrics, institution: str, backend: str) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._institution = institution
        self._backend = backend
        metrics.show_ledger_backend(institution, backend, [backend])

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await self._ledger.create_accounts(accounts)

    async def create_transfers(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        started = perf_counter()
        try:
            statuses = await self._ledger.create_transfers(transfers)
        except (Unavailable, Unknown) as error:
            self._observe({type(error).__name__.lower(): len(transfers)}, started)
            raise

        self._observe(Counter(map(str, statuses)), started)
        return statuses

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self._ledger.balances(account_ids)

    def _observe(self, answers: dict[str, int], started: float) -> None:
        seconds = perf_counter() - started
        self._metrics.observe_ledger(self._institution, self._backend, answers, seconds)
