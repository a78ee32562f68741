"""The same histories in the model, in Postgres and in a real TigerBeetle: same answers, code for
code, and the same books afterwards.

A failing seed tells its history: `transfers_history(Random(seed), ...)`.
"""

import itertools
import secrets
import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.domain.ledger_records import AccountFilter, Balance, LedgerAccount, Transfer
from fluxiq.ledgers.expiry import SECOND_NS
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ledgers.model_cluster import ModelCluster
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.ledgers.reading import read_books
from fluxiq.ledgers.tigerbeetle.records import AccountRecord
from fluxiq.ledgers.tigerbeetle.results import AccountResult, TransferResult
from fluxiq.stores.migrate import MIGRATIONS, migrate, read_migrations
from fluxiq.stores.pool import Postgres, open_postgres
from tests.support.ledger_golden import GOLDEN, GOLDEN_OF_TIGERBEETLE, Pause, Steps
from tests.support.ledger_histories import (
    ACCOUNTS,
    LEDGER,
    PLAIN_ACCOUNTS,
    Batches,
    accounts_history,
    elsewhere,
    transfers_history,
)
from tests.support.real_tigerbeetle import HOW_TO_ENABLE, RealCluster, real_cluster

SCHEMA: Final = "inst_12345678"
STEPS: Final = read_migrations(MIGRATIONS / "institution")
seeds = st.integers(0, 2**32)


class TestPostgres:
    def test_answers_random_histories_as_the_model_and_records_the_same(
        self, postgres_database: str
    ) -> None:
        bases = itertools.count(100_000, 100_000)

        async def run(seed: int) -> None:
            options = {"dsn": postgres_database, "server_settings": {"search_path": SCHEMA}}
            async with (
                open_asyncio_host() as host,
                open_postgres(
                    host, options, size=1, application_name="fluxiq test", statement_timeout=5.0
                ) as pg,
            ):
                await migrate(pg, SCHEMA, STEPS)
                batches = transfers_history(Random(seed), everything=False)
                await compare_postgres(pg, batches, next(bases))

        @settings(max_examples=60, deadline=None)
        @given(seeds)
        def every(seed: int) -> None:
            trio.run(run, seed)

        every()

    def test_gives_the_golden_answers(self, postgres_database: str) -> None:
        async def run() -> None:
            options = {"dsn": postgres_database, "server_settings": {"search_path": SCHEMA}}
            async with (
                open_asyncio_host() as host,
                open_postgres(
                    host, options, size=1, application_name="fluxiq test", statement_timeout=5.0
                ) as pg,
            ):
                await migrate(pg, SCHEMA, STEPS)
                ledger = PostgresLedger(pg, LEDGER)

                for number, steps in enumerate(GOLDEN.values(), 1):
                    base = number * 1000
                    await ledger.create_accounts([elsewhere(one, base) for one in PLAIN_ACCOUNTS])
                    for batch in steps:
                        assert not isinstance(batch, Pause)
                        moved = [elsewhere(one, base) for one in batch.transfers]
                        assert await ledger.create_transfers(moved) == batch.statuses

        trio.run(run)


async def compare_postgres(pg: Postgres, batches: Batches[Transfer], base: int) -> None:
    model, real = ModelLedger(LEDGER), PostgresLedger(pg, LEDGER)
    accounts = [elsewhere(one, base) for one in PLAIN_ACCOUNTS]
    await model.create_accounts(accounts)
    await real.create_accounts(accounts)
    sent: list[Transfer] = []

    for batch in batches:
        moved = [elsewhere(one, base) for one in batch]
        assert await real.create_transfers(moved) == await model.create_transfers(moved)
        sent += moved

    ids = [one.id for one in accounts]
    assert await real.balances(ids) == await model.balances(ids)
    _, known, _ = await pg.run(read_books, sent)
    recorded = model.cluster.lookup_transfers({one.id for one in sent})
    named = {one.id for one in sent}
    assert {one.id: one for one in known.transfers.values() if one.id in named} == {
        one.id: untimed(one) for one in recorded
    }


@pytest.fixture(scope="module")
def real() -> Iterator[RealCluster]:
    with real_cluster() as cluster:
        if cluster is None:
            pytest.skip(HOW_TO_ENABLE)

        yield cluster


@pytest.mark.tigerbeetle
class TestTigerBeetle:
    def test_answers_random_histories_as_the_model_and_records_the_same(
        self, real: RealCluster
    ) -> None:
        @settings(max_examples=60, deadline=None)
        @given(seeds)
        def every(seed: int) -> None:
            compare(seed, real)

        every()

    @pytest.mark.parametrize("steps", GOLDEN.values(), ids=GOLDEN.keys())
    def test_gives_the_golden_answers(self, real: RealCluster, steps: Steps) -> None:
        told(real, steps)

    @pytest.mark.parametrize(
        "steps", GOLDEN_OF_TIGERBEETLE.values(), ids=GOLDEN_OF_TIGERBEETLE.keys()
    )
    def test_gives_the_golden_answers_that_only_it_gives(
        self, real: RealCluster, steps: Steps
    ) -> None:
        told(real, steps)

    def test_releases_holds_in_random_histories_as_the_model(self, real: RealCluster) -> None:
        """The same pauses for many histories: holds of 1 s end in them, those of 3600 s do not. A
        history that this machine was too slow for has its holds end elsewhere, and is left out.
        """
        pairs = [Pair(real, timeout=1, seed=seed) for seed in range(40)]
        compare_over_time(pairs)
        assert sum(pair.in_time for pair in pairs) >= 10


def compare(seed: int, real: RealCluster) -> None:
    """One history with new ids, in both."""
    random = Random(seed)
    pair = Pair(real, timeout=3600, seed=seed, accounts=accounts_history(random))
    pair.send(slice(None))
    pair.assert_same_books()
    pair.assert_same_queries(random)


def compare_over_time(pairs: Sequence["Pair"]) -> None:
    """Half of each history, a pause, the other half, and its books after another pause."""
    for half in (slice(0, 3), slice(3, None)):
        for pair in pairs:
            pair.send(half, seconds_max=0.8)

        time.sleep(2)
        for pair in pairs:
            pair.model.expire(pair.model.now + 3 * SECOND_NS)

    for pair in pairs:
        if pair.in_time:
            pair.assert_same_books()


def told(real: RealCluster, steps: Steps) -> None:
    base = fresh_base()
    real.create_accounts([elsewhere(one, base) for one in ACCOUNTS])

    for step in steps:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
        else:
            results = real.create_transfers([elsewhere(one, base) for one in step.transfers])
            assert [result.status for result in results] == step.statuses


class Pair:
    """One history on its way through the model and the real TigerBeetle."""

    def __init__(
        self,
        real: RealCluster,
        *,
        timeout: int,
        seed: int,
        accounts: Sequence[list[LedgerAccount]] = (),
    ) -> None:
        self.model = ModelCluster()
        self.in_time = True
        self._seed = seed
        self._real = real
        self._moments = Moments(), Moments()
        self._base = base = fresh_base()
        self._ids = [base + number for number in range(1, 11)]
        batches = transfers_history(Random(seed), everything=True, timeout=timeout)
        self._batches = [[elsewhere(one, base) for one in batch] for batch in batches]

        for asked in [*accounts, list(ACCOUNTS)]:
            moved = [elsewhere(one, base) for one in asked]
            self._same(self.model.create_accounts(moved), real.create_accounts(moved))

    def send(self, which: slice, *, seconds_max: float | None = None) -> None:
        if not self.in_time:
            return

        started = time.monotonic()
        answers = [
            (self.model.create_transfers(batch), self._real.create_transfers(batch))
            for batch in self._batches[which]
        ]
        self.in_time = seconds_max is None or time.monotonic() - started < seconds_max

        if self.in_time:
            for expected, results in answers:
                self._same(expected, results)

    def assert_same_books(self) -> None:
        in_model, in_real = self._moments
        ids = sorted({one.id for batch in self._batches for one in batch})
        expected, found = self.model.lookup_transfers(ids), self._real.lookup_transfers(ids)
        assert in_real.transfers(found) == in_model.transfers(expected), f"seed {self._seed}"

        expected_accounts = self.model.lookup_accounts(self._ids)
        accounts = self._real.lookup_accounts(self._ids)
        assert in_real.accounts(accounts) == in_model.accounts(expected_accounts), (
            f"seed {self._seed}"
        )

    def assert_same_queries(self, random: Random) -> None:
        in_model, in_real = self._moments
        for account_id in self._ids:
            wanted = AccountFilter(
                account_id=account_id,
                limit=random.choice([1, 5, 100]),
                reversed=random.random() < 0.5,
                debits=random.random() < 0.7,
                code=random.choice([0, 0, 1, 2]),
                user_data_64=random.choice([0, 0, 0, 2]),
            )
            transfers = self._real.get_account_transfers(wanted)
            expected = self.model.get_account_transfers(wanted)
            assert in_real.transfers(transfers) == in_model.transfers(expected), wanted

            balances = self._real.get_account_balances(wanted)
            expected_balances = self.model.get_account_balances(wanted)
            assert in_real.balances(balances) == in_model.balances(expected_balances), wanted

    def _same(
        self,
        expected: Sequence[AccountResult] | Sequence[TransferResult],
        results: Sequence[AccountResult] | Sequence[TransferResult],
    ) -> None:
        in_model, in_real = self._moments
        assert [one.status for one in results] == [one.status for one in expected], (
            f"seed {self._seed}"
        )
        assert in_real.of_batch(results) == in_model.of_batch(expected), f"seed {self._seed}"


class Moment(NamedTuple):
    """A timestamp that means the same in every cluster: the batch, and the place in it."""

    batch: int
    place: int


class Moments:
    """The timestamps of one cluster. Those of a batch follow each other, one an event."""

    def __init__(self) -> None:
        self._moments: dict[int, Moment] = {}
        self._batches = itertools.count(1)

    def of_batch(self, results: Sequence[AccountResult] | Sequence[TransferResult]) -> list[Moment]:
        batch = next(self._batches)
        for place, result in enumerate(results):
            if result.status.name != "EXISTS":  # that one has an older timestamp
                first = result.timestamp - place
                self._moments |= {first + n: Moment(batch, n) for n in range(len(results))}
                break

        return [self._moments[result.timestamp] for result in results]

    def transfers(self, found: Sequence[Transfer]) -> list[tuple[Moment, Transfer]]:
        return [(self._moments[one.timestamp], untimed(one)) for one in found]

    def balances(self, found: Sequence[Balance]) -> list[tuple[Moment, Balance]]:
        return [(self._moments[one.timestamp], replace(one, timestamp=0)) for one in found]

    def accounts(
        self, found: Sequence[AccountRecord]
    ) -> list[tuple[Moment, LedgerAccount, Balance]]:
        return [
            (
                self._moments[one.account.timestamp],
                replace(one.account, timestamp=0),
                replace(one.balance, timestamp=0),
            )
            for one in found
        ]


def untimed(transfer: Transfer) -> Transfer:
    return replace(transfer, timestamp=0)


def fresh_base() -> int:
    """Ids of a cluster are for ever: each history needs new ones."""
    return secrets.randbits(100) << 20
