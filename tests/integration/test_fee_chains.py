"""A receipt with its fee, by the model and by PostgreSQL; by TigerBeetle in test_tigerbeetle."""

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ledgers.postgres import PostgresLedger
from tests.support.fee_chains import Receiver, check_fee_chains
from tests.support.store_records import ISPB, new_end_to_end_id, open_institution

LEDGER = 1


async def test_the_model_answers_so() -> None:
    receiver = Receiver(ModelLedger(LEDGER), LEDGER, ISPB, customer=7)
    await check_fee_chains(receiver, new_end_to_end_id)


async def test_postgresql_answers_so(asyncio_host: AsyncioHost, institution_database: str) -> None:
    async with open_institution(asyncio_host, institution_database) as postgres:
        receiver = Receiver(PostgresLedger(postgres, LEDGER), LEDGER, ISPB, customer=7)
        await check_fee_chains(receiver, new_end_to_end_id)
