"""Measured backends answer as the ones inside, and count what was answered."""

from collections.abc import Sequence

import pytest

from fluxiq.domain.records import Transfer, TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.measured import MeasuredStandIn, MeasuredTigerBeetle
from fluxiq.ledgers.parts import Row
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.tigerbeetle.results import TransferResult, pack_transfer_results
from fluxiq.telemetry.metrics import Metrics

ISPB = "12345678"
CREATED, EXISTS = TransferStatus.CREATED, TransferStatus.EXISTS


def transfer(number: int) -> Transfer:
    return Transfer(id=number, ledger=1, code=1, debit_account_id=1, credit_account_id=2, amount=5)


TRANSFERS = [transfer(7), transfer(8), transfer(9)]


class Answering:
    """A backend of either kind that says what it was told to, or fails."""

    def __init__(self, answers: Sequence[TransferStatus | None] | Exception) -> None:
        self._answers = answers

    def _say(self) -> list[TransferStatus | None]:
        if isinstance(self._answers, Exception):
            raise self._answers
        return list(self._answers)

    async def submit(self, records: bytes) -> bytes:
        results = [TransferResult(1, status) for status in self._say() if status is not None]
        return pack_transfer_results(results)

    async def apply(
        self, epoch: int, transfers: Sequence[Transfer], unknown: Sequence[Row]
    ) -> list[TransferStatus | None]:
        return self._say()


def counted(metrics: Metrics, backend: str) -> dict[str, float]:
    return {
        sample.labels["status"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "ledger_operations_total" and sample.labels["backend"] == backend
    }


async def test_what_tigerbeetle_answered_is_passed_on_and_counted_by_status() -> None:
    metrics = Metrics(process=False)
    inside = Answering([CREATED, EXISTS, CREATED])
    measured = MeasuredTigerBeetle(inside, metrics, ISPB)  # type: ignore[arg-type]

    results = await measured.submit(pack_transfers(TRANSFERS))

    assert results == await inside.submit(b"")
    assert counted(metrics, "tigerbeetle") == {"created": 2, "exists": 1}


async def test_what_the_standin_answered_is_passed_on_and_counted_by_status() -> None:
    metrics = Metrics(process=False)
    measured = MeasuredStandIn(Answering([CREATED, None, None]), metrics, ISPB)

    assert await measured.apply(1, TRANSFERS, ()) == [CREATED, None, None]

    assert counted(metrics, "postgres") == {"created": 1, "in_doubt": 2}


@pytest.mark.parametrize(
    ("outage", "status"),
    [
        (Unknown("ledger", "7", "no answer"), "unknown"),
        (Unavailable("ledger", "no"), "unavailable"),
    ],
)
async def test_a_batch_without_an_answer_is_counted_as_what_it_is(
    outage: Exception, status: str
) -> None:
    metrics = Metrics(process=False)
    tigerbeetle = MeasuredTigerBeetle(Answering(outage), metrics, ISPB)  # type: ignore[arg-type]
    standin = MeasuredStandIn(Answering(outage), metrics, ISPB)

    with pytest.raises(type(outage)):
        await tigerbeetle.submit(pack_transfers(TRANSFERS))
    with pytest.raises(type(outage)):
        await standin.apply(1, TRANSFERS, ())

    assert counted(metrics, "tigerbeetle") == counted(metrics, "postgres") == {status: 3}


async def test_a_bug_is_no_answer() -> None:
    metrics = Metrics(process=False)
    standin = MeasuredStandIn(Answering(AssertionError("ours")), metrics, ISPB)

    with pytest.raises(AssertionError):
        await standin.apply(1, TRANSFERS, ())

    assert counted(metrics, "postgres") == {}
