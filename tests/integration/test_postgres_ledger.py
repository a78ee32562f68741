"""The ledger in Postgres: what was decided is written once, whoever else writes meanwhile."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, ParamSpec, TypeVar

import asyncpg
import pytest
import trio
from msgspec.structs import replace

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.ledger_records import (
    AMOUNT_MAX,
    AccountFlags,
    Balance,
    LedgerAccount,
    Transfer,
    TransferFlags,
)
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.errors import Unavailable, Unknown
from fluxiq.ledgers.limits import CENTAVOS_MAX, TRANSFERS_MAX
from fluxiq.ledgers.parts import Authority, Mode
from fluxiq.ledgers.postgres import PostgresLedger
from fluxiq.ledgers.postgres_pool import Unit
from fluxiq.ledgers.reading import read_books
from fluxiq.ledgers.standin import _Batch
from fluxiq.ledgers.tigerbeetle.records import pack_transfers
from fluxiq.ledgers.tigerbeetle.results import TransferResult, pack_transfer_results
from fluxiq.ledgers.unknown import NOTHING_UNKNOWN
from fluxiq.ledgers.verify import verify_ledger
from fluxiq.stores.migrate import MIGRATIONS, migrate, read_migrations
from fluxiq.stores.pool import Connection, Postgres, open_postgres
from tests.support.servers import free_port

T = TypeVar("T")
P = ParamSpec("P")

LEDGER: Final = 76
SCHEMA: Final = "inst_12345678"
SETTLEMENT, CUSTOMER, NOBODY = 1, 2, 99
S = TransferStatus
LINKED = TransferFlags.LINKED
LIMITED = AccountFlags.DEBITS_MUST_NOT_EXCEED_CREDITS
FLAGS = {
    SETTLEMENT: AccountFlags.NONE,
    CUSTOMER: LIMITED,
    3: LIMITED,
    4: AccountFlags.CREDITS_MUST_NOT_EXCEED_DEBITS,
}
SCHEMA_STEPS = [
    one
    for one in read_migrations(MIGRATIONS / "institution")
    if one.name in {"ledger", "ledger_chains", "ledger_journal"}
]
CHECK = SCHEMA_STEPS[-1].check


def account(id_: int, flags: AccountFlags = AccountFlags.NONE) -> LedgerAccount:
    return LedgerAccount(id=id_, ledger=LEDGER, code=1, flags=flags)


def pay(id_: int, amount: int, **changes: Any) -> Transfer:
    """From the customer to the settlement account, unless said otherwise."""
    fields: dict[str, Any] = {"debit_account_id": CUSTOMER, "credit_account_id": SETTLEMENT}
    fields |= {"id": id_, "ledger": LEDGER, "code": 1, "amount": amount}
    return Transfer(**fields | changes)


def fund(id_: int, amount: int, **changes: Any) -> Transfer:
    accounts = {"debit_account_id": SETTLEMENT, "credit_account_id": CUSTOMER}
    return pay(id_, amount, **accounts | changes)


def hold(id_: int, amount: int) -> Transfer:
    return pay(id_, amount, flags=TransferFlags.PENDING)


def post(id_: int, hold_id: int, amount: int = AMOUNT_MAX) -> Transfer:
    flags = TransferFlags.POST_PENDING_TRANSFER
    return Transfer(id=id_, ledger=0, code=0, amount=amount, pending_id=hold_id, flags=flags)


def void(id_: int, hold_id: int) -> Transfer:
    flags = TransferFlags.VOID_PENDING_TRANSFER
    return Transfer(id=id_, ledger=0, code=0, amount=0, pending_id=hold_id, flags=flags)


def opened(host: AsyncioHost, where: str) -> AbstractAsyncContextManager[Postgres]:
    return open_postgres(
        host,
        {"dsn": where, "server_settings": {"search_path": SCHEMA}},
        size=4,
        application_name="fluxiq test",
        statement_timeout=5.0,
    )


async def fetch(connection: Connection, query: str, *args: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query, *args)]


async def execute(connection: Connection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(statement)


async def write(
    connection: Connection,
    transfers: Sequence[Transfer],
    statuses: Sequence[TransferStatus],
    decided_at: int | None = None,
) -> int | None:
    """Whatever was decided, when the clock stood at `decided_at`: now, unless said otherwise."""
    now, _, _ = await read_books(connection, [])
    results = pack_transfer_results([TransferResult(0, status) for status in statuses])
    seq: int | None = await connection.fetchval(
        "SELECT ledger_stand_in(1, $1, '{}', $2, $3)",
        now if decided_at is None else decided_at,
        pack_transfers(transfers)[::-1],
        results[::-1],
    )
    return seq


async def assert_the_books_are_proven(pg: Postgres) -> None:
    verdict = await verify_ledger(pg, LEDGER, deep=True)
    assert verdict.findings == ()


@pytest.fixture
async def pg(asyncio_host: AsyncioHost, postgres_database: str) -> AsyncIterator[Postgres]:
    async with opened(asyncio_host, postgres_database) as postgres:
        await migrate(postgres, SCHEMA, SCHEMA_STEPS)
        yield postgres
        await assert_the_books_are_proven(postgres)


@pytest.fixture
async def ledger(pg: Postgres) -> PostgresLedger:
    """A settlement account without limits, and a customer with 1000."""
    ledger = PostgresLedger(pg, LEDGER)
    await ledger.create_accounts([account(id_, flags) for id_, flags in FLAGS.items()])
    assert await ledger.create_transfers([fund(1, 1000)]) == [S.CREATED]
    return ledger


@pytest.fixture
async def other_process(
    asyncio_host: AsyncioHost, postgres_database: str
) -> AsyncIterator[PostgresLedger]:
    """A second ledger with connections of its own on the tables of `ledger`."""
    async with opened(asyncio_host, postgres_database) as postgres:
        yield PostgresLedger(postgres, LEDGER)


async def customer_of(ledger: PostgresLedger) -> Balance:
    return (await ledger.balances([CUSTOMER]))[CUSTOMER]


async def all_at_once(
    ledgers: Sequence[PostgresLedger], batches: Sequence[Sequence[Transfer]]
) -> list[list[TransferStatus]]:
    """One task per batch, spread over the ledgers; the answers, by batch."""
    answers: dict[int, list[TransferStatus]] = {}

    async def send(number: int) -> None:
        ledger = ledgers[number % len(ledgers)]
        answers[number] = await ledger.create_transfers(batches[number])

    async with trio.open_nursery() as nursery:
        for number in range(len(batches)):
            nursery.start_soon(send, number)

    return [answers[number] for number in range(len(batches))]


class TestLikeTheModel:
    async def test_burns_the_id_of_a_hold_refused_for_funds(self, ledger: PostgresLedger) -> None:
        assert await ledger.create_transfers([hold(10, 1001)]) == [S.EXCEEDS_CREDITS]
        assert await ledger.create_transfers([fund(11, 1)]) == [S.CREATED]
        assert await ledger.create_transfers([hold(10, 1001)]) == [S.ID_ALREADY_FAILED]
        assert await ledger.create_transfers([hold(12, 1001)]) == [S.CREATED]

    async def test_burns_the_id_of_a_post_whose_hold_is_unknown(
        self, ledger: PostgresLedger
    ) -> None:
        assert await ledger.create_transfers([post(10, 11)]) == [S.PENDING_TRANSFER_NOT_FOUND]
        assert await ledger.create_transfers([hold(11, 5)]) == [S.CREATED]
        assert await ledger.create_transfers([post(10, 11)]) == [S.ID_ALREADY_FAILED]
        assert await ledger.create_transfers([post(12, 11, 2)]) == [S.CREATED]
        assert await customer_of(ledger) == Balance(
            account_id=CUSTOMER, credits_posted=1000, debits_posted=2
        )

    async def test_answers_a_repeated_batch_with_exists_and_moves_nothing(
        self, ledger: PostgresLedger
    ) -> None:
        batch = [fund(10, 5), hold(11, 7), post(12, 11, 3), hold(13, 2), void(14, 13), hold(15, 1)]
        assert await ledger.create_transfers(batch) == [S.CREATED] * len(batch)
        before = await ledger.balances(list(FLAGS))

        assert await ledger.create_transfers(batch) == [S.EXISTS] * len(batch)
        assert await ledger.balances(list(FLAGS)) == before

    async def test_applies_an_id_that_comes_twice_in_a_batch_once(
        self, ledger: PostgresLedger
    ) -> None:
        batch = [pay(10, 5), pay(10, 5), pay(10, 6), pay(11, 9999), pay(11, 1)]

        assert await ledger.create_transfers(batch) == [
            S.CREATED,
            S.EXISTS,
            S.EXISTS_WITH_DIFFERENT_AMOUNT,
            S.EXCEEDS_CREDITS,
            S.ID_ALREADY_FAILED,
        ]
        assert (await customer_of(ledger)).available == 995

    async def test_refuses_a_transfer_of_another_institutions_ledger(
        self, ledger: PostgresLedger
    ) -> None:
        held = hold(10, 5)
        foreign_post = Transfer(
            id=12,
            ledger=LEDGER + 1,
            code=1,
            pending_id=10,
            flags=TransferFlags.POST_PENDING_TRANSFER,
        )

        assert await ledger.create_transfers([held, pay(11, 5, ledger=77), foreign_post]) == [
            S.CREATED,
            S.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS,
            S.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER,
        ]

    async def test_refuses_what_it_does_not_support_before_anything_happens(
        self, ledger: PostgresLedger
    ) -> None:
        unsupported = [
            pay(11, 5, flags=TransferFlags.BALANCING_DEBIT),
            pay(11, 5, flags=TransferFlags.PENDING | TransferFlags.CLOSING_DEBIT),
            pay(11, 5, flags=TransferFlags.PENDING, timeout=1),
        ]
        for transfer in unsupported:
            with pytest.raises(ValueError, match="is not supported"):
                await ledger.create_transfers([pay(10, 5), transfer])

        assert await ledger.create_transfers([]) == []
        assert (await customer_of(ledger)).available == 1000

    async def test_refuses_what_a_counter_of_63_bits_cannot_hold(
        self, ledger: PostgresLedger
    ) -> None:
        """Further than TigerBeetle's would reach, so the answer is a refusal, not an error."""
        assert await ledger.create_transfers([fund(10, CENTAVOS_MAX), fund(11, 1)]) == [
            S.OVERFLOWS_DEBITS_POSTED,
            S.CREATED,
        ]
        assert await ledger.create_transfers([fund(10, 1)]) == [S.CREATED]


class TestAChain:
    async def test_is_written_whole_or_not_at_all(self, ledger: PostgresLedger) -> None:
        good = [pay(10, 400, flags=LINKED), hold(11, 600)]
        bad = [fund(12, 50, flags=LINKED), pay(13, 51, flags=LINKED), pay(14, 1)]

        assert await ledger.create_transfers([*good, *bad]) == [
            S.CREATED,
            S.CREATED,
            S.LINKED_EVENT_FAILED,
            S.EXCEEDS_CREDITS,
            S.LINKED_EVENT_FAILED,
        ]
        assert (await customer_of(ledger)).available == 0
        # What failed with it may come again; what was refused itself may not.
        assert await ledger.create_transfers([fund(12, 50), pay(13, 50), pay(14, 1)]) == [
            S.CREATED,
            S.ID_ALREADY_FAILED,
            S.CREATED,
        ]

    async def test_that_is_sent_again_exists(self, ledger: PostgresLedger) -> None:
        chain = [pay(10, 400, flags=LINKED), hold(11, 600)]
        await ledger.create_transfers(chain)

        assert await ledger.create_transfers(chain) == [S.EXISTS, S.LINKED_EVENT_FAILED]
        assert await ledger.create_transfers([pay(10, 400), chain[1]]) == [
            S.EXISTS_WITH_DIFFERENT_FLAGS,
            S.EXISTS,
        ]

    async def test_that_is_left_open_burns_nothing_and_writes_nothing(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        before = await pg.run(fetch, "SELECT last_timestamp FROM ledger_clock")

        statuses = await ledger.create_transfers([pay(10, 1, flags=LINKED)])

        assert statuses == [S.LINKED_EVENT_CHAIN_OPEN]
        assert await pg.run(fetch, "SELECT last_timestamp FROM ledger_clock") == before

    async def test_may_post_a_hold(self, pg: Postgres, ledger: PostgresLedger) -> None:
        chain = [replace(post(11, 10), flags=LINKED | TransferFlags.POST_PENDING_TRANSFER)]
        chain += [pay(12, 1)]
        await ledger.create_transfers([hold(10, 5)])

        assert await ledger.create_transfers(chain) == [S.CREATED] * 2
        assert await ledger.create_transfers([void(13, 10)]) == [S.PENDING_TRANSFER_ALREADY_POSTED]


class TestUserData:
    DATA: Final[dict[str, int]] = {
        "user_data_128": 2**128 - 1,
        "user_data_64": 2**64 - 1,
        "user_data_32": 2**32 - 1,
    }

    @pytest.mark.parametrize(("name", "value"), [*DATA.items(), ("user_data_64", 2**63)])
    async def test_is_kept_and_compared(
        self, ledger: PostgresLedger, name: str, value: int
    ) -> None:
        marked = pay(10, 5, **{name: value})
        assert await ledger.create_transfers([marked]) == [S.CREATED]

        other = [pay(10, 5), pay(10, 5, **{name: value - 1}), marked]
        different = TransferStatus(f"exists_with_different_{name}")
        assert await ledger.create_transfers(other) == [different, different, S.EXISTS]

    async def test_of_a_hold_is_its_posts_where_that_has_none(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        held = pay(10, 5, flags=TransferFlags.PENDING, **self.DATA)
        own = replace(post(11, 10), user_data_32=7)
        assert await ledger.create_transfers([held, own]) == [S.CREATED] * 2

        _, known, _ = await pg.run(read_books, [own])

        assert {name: getattr(known.transfers[11], name) for name in self.DATA} == {
            **self.DATA,
            "user_data_32": 7,
        }


class TestManyWriters:
    async def test_never_let_an_account_cross_its_limit(
        self, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        answers = await all_at_once(
            [ledger, other_process], [[pay(100 + n, 60), hold(200 + n, 60)] for n in range(32)]
        )

        statuses = [status for answer in answers for status in answer]
        assert statuses.count(S.CREATED) == 1000 // 60
        assert statuses.count(S.EXCEEDS_CREDITS) == 64 - 1000 // 60
        assert (await customer_of(ledger)).available == 1000 % 60

    async def test_apply_the_same_transfer_once(
        self, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        answers = await all_at_once([ledger, other_process], [[pay(10, 60)]] * 16)

        assert sorted(status for [status] in answers) == [S.CREATED] + [S.EXISTS] * 15
        assert (await customer_of(ledger)).available == 940

    async def test_either_post_a_hold_or_void_it(
        self, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        await ledger.create_transfers([hold(10 + n, 10) for n in range(8)])

        for n in range(8):
            answers = await all_at_once(
                [ledger, other_process], [[post(50 + n, 10 + n)], [void(70 + n, 10 + n)]]
            )
            assert answers in (
                [[S.CREATED], [S.PENDING_TRANSFER_ALREADY_POSTED]],
                [[S.PENDING_TRANSFER_ALREADY_VOIDED], [S.CREATED]],
            )

        assert (await customer_of(ledger)).debits_pending == 0

    async def test_either_apply_a_transfer_or_cancel_it(
        self, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        """Cancel or discover: the probe shares no account with the transfer, only its id."""
        for n in range(8):
            probe = pay(10 + n, 5, debit_account_id=NOBODY, credit_account_id=NOBODY + 1)
            answers = await all_at_once([ledger, other_process], [[pay(10 + n, 5)], [probe]])
            assert answers in (
                [[S.CREATED], [S.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID]],
                [[S.ID_ALREADY_FAILED], [S.DEBIT_ACCOUNT_NOT_FOUND]],
            )

    async def test_write_one_history_whose_timestamps_grow(
        self, pg: Postgres, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        batches = [[pay(100 * n + k, 1) for k in range(20)] for n in range(1, 9)]

        await all_at_once([ledger, other_process], batches)

        rows = await pg.run(fetch, "SELECT id FROM ledger_transfers ORDER BY timestamp OFFSET 1")
        history = [id_.int for (id_,) in rows]
        turns = [history[start : start + 20] for start in range(0, len(history), 20)]
        assert sorted(turns) == [[one.id for one in batch] for batch in batches]

    async def test_create_the_same_accounts_in_any_order(
        self, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        made = [account(id_) for id_ in range(500, 600)]

        async with trio.open_nursery() as nursery:
            for turn in range(8):
                one = (ledger, other_process)[turn % 2]
                nursery.start_soon(one.create_accounts, made if turn % 3 else made[::-1])

        assert len(await ledger.balances(range(500, 700))) == 100

    async def test_decide_again_when_another_batch_was_written_since_they_read(
        self, pg: Postgres, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        """Both see 1000. The one that writes later must not believe it any more."""
        written = trio.Event()

        async def first(connection: Connection) -> list[TransferStatus] | None:
            answer = await _Batch(1, [pay(10, 600)], NOTHING_UNKNOWN).apply_in_turn(connection)
            written.set()
            for _ in range(500):
                if await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    return answer

                await connection.execute("SELECT pg_sleep(0.01)")

            return None

        async def later() -> None:
            await written.wait()
            batch = [pay(11, 600), pay(12, 400)]
            assert await other_process.create_transfers(batch) == [S.EXCEEDS_CREDITS, S.CREATED]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(later)
            assert await pg.transaction(first) == [S.CREATED]

        assert (await customer_of(ledger)).available == 0

    async def test_write_nothing_at_a_clock_that_has_moved(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        [(decided_at,)] = await pg.run(fetch, "SELECT last_timestamp FROM ledger_clock")
        await ledger.create_transfers([pay(10, 1)])
        late = [pay(11, 0), pay(12, 9999)]
        statuses = [S.CREATED, S.EXCEEDS_CREDITS]

        assert await pg.run(write, late, statuses, decided_at) is None
        assert await ledger.create_transfers([pay(11, 1), pay(12, 1)]) == [S.CREATED] * 2


class TestABatch:
    async def test_costs_two_round_trips_and_its_repetition_one(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        counting = Counting(pg)
        counted = PostgresLedger(counting, LEDGER)
        batch = [hold(10, 5), post(11, 10), pay(12, 9999)]
        await counted.create_transfers([fund(1, 1000)])  # the first one asks for the epoch, too
        counting.round_trips = 0

        assert await counted.create_transfers(batch) == [S.CREATED, S.CREATED, S.EXCEEDS_CREDITS]
        assert counting.round_trips == 2
        assert await counted.create_transfers(batch) == [S.EXISTS, S.EXISTS, S.ID_ALREADY_FAILED]
        assert counting.round_trips == 3

    async def test_is_written_again_in_its_turn_after_a_deadlock(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        await refuse_updates(pg, "deadlock_detected", times=2)

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]
        assert (await customer_of(ledger)).available == 995


class TestAHotAccount:
    async def test_costs_one_row_update_for_a_whole_batch(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        await pg.run(
            execute,
            "CREATE TABLE updates (id uuid)",
            """
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN INSERT INTO updates VALUES (NEW.id); RETURN NULL; END'
            """,
            """
            CREATE TRIGGER note AFTER UPDATE ON ledger_accounts
            FOR EACH ROW EXECUTE FUNCTION note()
            """,
        )
        batch = [fund(10 + n, 1) for n in range(TRANSFERS_MAX)]

        assert await ledger.create_transfers(batch) == [S.CREATED] * TRANSFERS_MAX

        updates = await pg.run(fetch, "SELECT id FROM updates ORDER BY id")
        assert [id_.int for (id_,) in updates] == [SETTLEMENT, CUSTOMER]
        assert (await customer_of(ledger)).credits_posted == 1000 + TRANSFERS_MAX


class TestTheTables:
    async def test_refuse_a_decision_that_crosses_a_limit(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match="debits_do_not_exceed_credits"):
            await pg.run(write, [pay(10, 1001)], [S.CREATED])

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_refuse_a_decision_that_resolves_a_hold_twice(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        await ledger.create_transfers([hold(10, 5), post(11, 10)])
        with pytest.raises(asyncpg.UniqueViolationError, match="ledger_transfers_resolving"):
            await pg.run(write, [void(12, 10)], [S.CREATED])

    async def test_have_every_account_that_a_decision_changes(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        with pytest.raises(asyncpg.AssertError, match="changed 1 accounts instead of 2"):
            await pg.run(write, [pay(10, 5, credit_account_id=NOBODY)], [S.CREATED])

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_keep_timestamps_growing_when_the_clock_goes_back(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        in_a_century = 4_900_000_000_000_000_000
        await pg.run(execute, f"UPDATE ledger_clock SET last_timestamp = {in_a_century}")

        await ledger.create_transfers([pay(10, 1), pay(11, 9999), pay(12, 1)])
        await ledger.create_transfers([pay(13, 1)])

        history = await pg.run(fetch, "SELECT id, timestamp FROM ledger_transfers ORDER BY 2")
        assert [(id_.int, at - in_a_century) for id_, at in history[1:]] == [
            (10, 1),
            (12, 3),
            (13, 4),
        ]
        [(burnt, status)] = await pg.run(fetch, "SELECT id, status FROM ledger_burnt_ids")
        assert (burnt.int, status) == (11, "exceeds_credits")

    async def test_tell_when_debits_and_credits_differ(self, pg: Postgres) -> None:
        await PostgresLedger(pg, LEDGER).create_accounts([account(50)])
        await pg.run(execute, "UPDATE ledger_accounts SET debits_posted = 1")

        complaints = await pg.run(fetch, CHECK)

        assert complaints == [("ledger 76: debits and credits differ",)]
        verdict = await verify_ledger(pg, LEDGER)
        assert [finding.invariant for finding in verdict.findings] == ["I1"]
        await pg.run(execute, "UPDATE ledger_accounts SET debits_posted = 0")


class TestTheWritingFunction:
    async def test_finds_its_own_tables_whatever_a_session_has_of_the_same_name(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        async def among_impostors(connection: Connection) -> int | None:
            decided_at, _, _ = await read_books(connection, [])
            for table in ("ledger_clock", "ledger_accounts", "ledger_transfers", "ledger_journal"):
                await connection.execute(
                    f"CREATE TEMPORARY TABLE {table} (LIKE {SCHEMA}.{table}) ON COMMIT DROP"
                )
            return await write(connection, [pay(10, 0)], [S.CREATED], decided_at)

        assert await pg.transaction(among_impostors)
        assert await ledger.create_transfers([pay(10, 0)]) == [S.EXISTS]

    async def test_is_nobodys_without_a_grant_and_lends_no_rights(self, pg: Postgres) -> None:
        rights = await pg.run(
            fetch,
            """
            SELECT has_function_privilege('public', oid, 'EXECUTE'), prosecdef
            FROM pg_proc
            WHERE pronamespace = $1::regnamespace AND proname LIKE 'ledger_%'
            """,
            SCHEMA,
        )
        assert len(rights) == 9
        assert {*rights} == {(False, False)}


async def refuse_updates(pg: Postgres, condition: str, *, times: int) -> None:
    """The next `times` updates of accounts fail with this condition; a sequence never rolls back"""
    await pg.run(
        execute,
        "CREATE SEQUENCE refusals",
        f"""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('refusals') <= {times} THEN
                RAISE EXCEPTION USING ERRCODE = '{condition}', MESSAGE = 'no';
            END IF;
            RETURN NULL;
        END $$
        """,
        """
        CREATE TRIGGER refuse BEFORE UPDATE ON ledger_accounts
        FOR EACH STATEMENT EXECUTE FUNCTION refuse()
        """,
    )


class Counting:
    """A pool that counts the calls of its connections, and what a transaction adds to them."""

    def __init__(self, inner: Postgres) -> None:
        self._inner = inner
        self.round_trips = 0

    async def run(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def counted(connection: Connection) -> T:
            return await unit(Counted(connection, self), *args, **kwargs)

        return await self._inner.run(counted)

    async def transaction(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.round_trips += 2

        async def counted(connection: Connection) -> T:
            return await unit(Counted(connection, self), *args, **kwargs)

        return await self._inner.transaction(counted)


class Counted:
    def __init__(self, inner: Connection, counting: Counting) -> None:
        self._inner = inner
        self._counting = counting

    def __getattr__(self, name: str) -> Any:
        self._counting.round_trips += 1
        return getattr(self._inner, name)


END_OF_SESSION: Final = "SELECT pg_terminate_backend(pg_backend_pid())"


class Faulty:
    """A pool whose connection breaks at a chosen moment of each unit, or loses the answer."""

    def __init__(self, inner: Postgres, *, moment: str) -> None:
        self._inner = inner
        self._moment = moment

    async def run(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async def broken(connection: Connection) -> T:
            return await unit(Fragile(connection, self._moment), *args, **kwargs)

        answer = await self._inner.run(broken)
        if self._moment == "after the write":
            raise Unavailable("postgres", "the answer was lost")

        return answer

    async def transaction(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._inner.transaction(unit, *args, **kwargs)


class Fragile:
    """A connection that ends before it reads (`fetch`) or before it writes (`fetchval`)."""

    def __init__(self, inner: Connection, moment: str) -> None:
        self._inner = inner
        self._end = {"before the decision": "fetch", "before the write": "fetchval"}.get(moment)

    def __getattr__(self, name: str) -> Any:
        async def ended(*args: object) -> Any:
            await self._inner.execute(END_OF_SESSION)
            return await getattr(self._inner, name)(*args)

        return ended if name == self._end else getattr(self._inner, name)


class TestAnOutage:
    async def test_before_anything_was_sent_is_unavailable(self, asyncio_host: AsyncioHost) -> None:
        nowhere = f"postgresql://postgres@127.0.0.1:{free_port()}/postgres"

        async with opened(asyncio_host, nowhere) as postgres:
            ledger = PostgresLedger(postgres, LEDGER)

            with pytest.raises(Unavailable) as raised:
                await ledger.create_transfers([pay(10, 5)])

            assert raised.value.system == "ledger"
            with pytest.raises(Unavailable, match="ledger"):
                await ledger.create_accounts([account(5)])
            with pytest.raises(Unavailable, match="ledger"):
                await ledger.balances([CUSTOMER])

    async def test_before_the_decision_is_unavailable_and_nothing_happened(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        broken = PostgresLedger(Faulty(pg, moment="before the decision"), LEDGER)

        with pytest.raises(Unavailable):
            await broken.create_transfers([pay(10, 5)])

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_that_the_server_reports_of_the_write_is_unavailable_and_nothing_happened(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        await refuse_updates(pg, "disk_full", times=1)

        with pytest.raises(Unavailable):
            await ledger.create_transfers([pay(10, 5)])

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_of_endless_deadlocks_is_unavailable_and_nothing_happened(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        await refuse_updates(pg, "deadlock_detected", times=5)

        with pytest.raises(Unavailable, match="gave way too often"):
            await ledger.create_transfers([pay(10, 5)])

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_while_writing_is_unknown_and_the_same_transfer_again_settles_it(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        """A session may end right after its commit, so its end says nothing about the write."""
        await pg.run(
            execute,
            """
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'
            """,
            """
            CREATE TRIGGER die BEFORE UPDATE ON ledger_accounts
            FOR EACH STATEMENT EXECUTE FUNCTION die()
            """,
        )

        with pytest.raises(Unknown):
            await ledger.create_transfers([pay(10, 5)])

        await pg.run(execute, "DROP TRIGGER die ON ledger_accounts")
        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_before_the_write_arrived_is_unknown_and_the_same_transfer_again_settles_it(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        broken = PostgresLedger(Faulty(pg, moment="before the write"), LEDGER)

        with pytest.raises(Unknown) as raised:
            await broken.create_transfers([pay(10, 5), pay(11, 5)])

        assert raised.value.system == "ledger"
        assert raised.value.reference == "2 transfers from a"
        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]

    async def test_after_the_write_is_unknown_and_the_same_transfer_again_settles_it(
        self, pg: Postgres, ledger: PostgresLedger
    ) -> None:
        broken = PostgresLedger(Faulty(pg, moment="after the write"), LEDGER)
        broken._authority = Authority(1, Mode.STANDIN)

        with pytest.raises(Unknown, match="the answer was lost"):
            await broken.create_transfers([pay(10, 5)])

        assert await ledger.create_transfers([pay(10, 5)]) == [S.EXISTS]
        assert (await customer_of(ledger)).available == 995

    async def test_of_patience_leaves_the_turn_to_the_others(
        self, pg: Postgres, ledger: PostgresLedger, other_process: PostgresLedger
    ) -> None:
        """A caller that is cancelled while it waits for its turn has written nothing."""
        taken = trio.Event()
        leave = trio.Event()

        async def keep_the_turn(connection: Connection) -> None:
            await connection.execute("UPDATE ledger_clock SET last_timestamp = last_timestamp + 1")
            taken.set()
            for _ in range(500):
                if leave.is_set():
                    return

                await connection.execute("SELECT pg_sleep(0.01)")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(pg.transaction, keep_the_turn)
            await taken.wait()

            with trio.move_on_after(0.2) as patience:
                await other_process.create_transfers([pay(10, 5)])

            assert patience.cancelled_caught
            leave.set()

        assert await ledger.create_transfers([pay(10, 5)]) == [S.CREATED]


class TestAccounts:
    async def test_may_be_created_again_and_keep_their_money(self, ledger: PostgresLedger) -> None:
        before = await ledger.balances(list(FLAGS))

        await ledger.create_accounts([account(id_, flags) for id_, flags in FLAGS.items()] * 2)

        assert await ledger.balances(list(FLAGS)) == before

    async def test_with_one_id_and_two_meanings_are_an_assertion_that_shows_both(
        self, ledger: PostgresLedger
    ) -> None:
        with pytest.raises(AssertionError, match=r"flags=<AccountFlags.DEB.*, not .*flags=<.*: 0>"):
            await ledger.create_accounts([account(70), account(CUSTOMER)])

        assert await ledger.balances([70]) == {}

    async def test_of_another_ledger_are_an_assertion(self, ledger: PostgresLedger) -> None:
        with pytest.raises(AssertionError, match="does not belong to ledger 76"):
            await ledger.create_accounts([LedgerAccount(id=70, ledger=77, code=1)])

    async def test_that_do_not_exist_have_no_balance(self, ledger: PostgresLedger) -> None:
        assert set(await ledger.balances([0, CUSTOMER, NOBODY, CUSTOMER])) == {CUSTOMER}
        assert await ledger.balances([]) == {}
