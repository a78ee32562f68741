"""A measured ledger answers as the one inside, and counts what it answered."""

import pytest

from fluxiq.domain.records import LedgerAccount, Transfer, TransferStatus
from fluxiq.errors import Unknown
from fluxiq.ledgers.measured import MeasuredLedger
from fluxiq.ledgers.model import ModelLedger
from fluxiq.telemetry.metrics import Metrics


async def test_the_answers_are_the_ledgers_own_and_counted_by_status() -> None:
    metrics = Metrics(process=False)
    ledger = MeasuredLedger(ModelLedger(1), metrics, "12345678", "postgres")
    await ledger.create_accounts([LedgerAccount(id=one, ledger=1, code=1) for one in (1, 2)])

    statuses = await ledger.create_transfers([_transfer(7), _transfer(7), _transfer(8)])

    assert statuses == [TransferStatus.CREATED, TransferStatus.EXISTS, TransferStatus.CREATED]
    assert (await ledger.balances([2]))[2].credits_posted == 10
    assert _count(metrics, "created") == 2
    assert _count(metrics, "exists") == 1


async def test_a_batch_without_an_answer_is_counted_as_what_it_is() -> None:
    class Silent(ModelLedger):
        async def create_transfers(self, transfers: object) -> list[TransferStatus]:
            raise Unknown("ledger", "7", "no answer")

    metrics = Metrics(process=False)
    ledger = MeasuredLedger(Silent(1), metrics, "12345678", "postgres")

    with pytest.raises(Unknown):
        await ledger.create_transfers([_transfer(7)])

    assert _count(metrics, "unknown") == 1


def _transfer(number: int) -> Transfer:
    return Transfer(id=number, ledger=1, code=1, debit_account_id=1, credit_account_id=2, amount=5)


def _count(metrics: Metrics, status: str) -> float | None:
    labels = {"institution": "12345678", "backend": "postgres", "status": status}
    return metrics.registry.get_sample_value("ledger_operations_total", labels)
