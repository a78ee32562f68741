"""The two backends of a ledger, measured: what each answered and how long it took."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter

from fluxiq.domain.records import Balance, LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.parts import Backend, Row, StandIn, TigerBeetle
from fluxiq.ledgers.tigerbeetle.records import TRANSFER_BYTES
from fluxiq.ledgers.tigerbeetle.results import count_statuses
from fluxiq.telemetry.metrics import Metrics

# The stand-in under the name of the server that it stands in.
NAMES: Mapping[Backend, str] = {Backend.TIGERBEETLE: "tigerbeetle", Backend.STANDIN: "postgres"}
IN_DOUBT = "in_doubt"


class _Measured:
    """Feeds the series of one institution and one backend."""

    def __init__(self, metrics: Metrics, institution: str, backend: Backend) -> None:
        self._metrics = metrics
        self._institution = institution
        self._backend = NAMES[backend]

    @contextmanager
    def batch(self, transfers: int) -> Iterator[dict[str, int]]:
        """The block fills in how many had which status; an outage is the status of all."""
        answers: dict[str, int] = {}
        started = perf_counter()
        try:
            yield answers
        except (Unavailable, Unknown) as error:
            answers[type(error).__name__.lower()] = transfers
            raise
        finally:
            if answers:
                seconds = perf_counter() - started
                self._metrics.observe_ledger(self._institution, self._backend, answers, seconds)


class MeasuredTigerBeetle:
    """`parts.TigerBeetle` around another one."""

    def __init__(self, tigerbeetle: TigerBeetle, metrics: Metrics, institution: str) -> None:
        self._tigerbeetle = tigerbeetle
        self._measured = _Measured(metrics, institution, Backend.TIGERBEETLE)

    async def submit(self, records: bytes) -> bytes:
        with self._measured.batch(len(records) // TRANSFER_BYTES) as answers:
            results = await self._tigerbeetle.submit(records)
            answers.update(count_statuses(results))
            return results

    async def create_accounts(self, accounts: Sequence[LedgerAccount]) -> None:
        await self._tigerbeetle.create_accounts(accounts)

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        return await self._tigerbeetle.balances(account_ids)

    async def look_up_transfers(self, ids: Sequence[int]) -> list[Transfer]:
        return await self._tigerbeetle.look_up_transfers(ids)

    async def probe(self) -> None:
        await self._tigerbeetle.probe()


class MeasuredStandIn:
    """`parts.StandIn` around another one."""

    def __init__(self, standin: StandIn, metrics: Metrics, institution: str) -> None:
        self._standin = standin
        self._measured = _Measured(metrics, institution, Backend.STANDIN)

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row]
    ) -> list[TransferStatus | None]:
        with self._measured.batch(len(transfers)) as answers:
            statuses = await self._standin.apply(epoch, transfers, unknown)
            answers.update(Counter(IN_DOUBT if one is None else str(one) for one in statuses))
            return statuses
