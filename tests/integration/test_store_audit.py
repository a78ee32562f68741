"""The sealed audit trail over real transactions: late ones, open ones, rights, purges, load."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.audit import START, Seal
from fluxiq.domain.audit_signature import TrustedKeys
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.audit import Deed, LinesWanted
from fluxiq.ports.origin import Origin, comes_from
from fluxiq.services.compare_audit import Kind
from fluxiq.services.prove_audit import prove_line
from fluxiq.services.purge_audit import purge_audit
from fluxiq.services.seal_audit import seal_waiting, tell_witness
from fluxiq.services.verify_audit import AuditVerifier, Verdict
from fluxiq.stores import paperwork
from fluxiq.stores.audit_chain import PostgresAuditChain
from fluxiq.stores.pool import Connection, Postgres
from tests.support.memory_audit import KEY, MemoryWitness
from tests.support.store_records import (
    ISPB,
    MERCHANT,
    charge_opening,
    fetch,
    open_admin,
    open_institution,
    open_store,
)

SCHEMA = "inst_12345678"


class Clock:
    """The wall clock, or what a test says."""

    def __init__(self) -> None:
        self.shift = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class House:
    postgres: Postgres
    admin: Postgres
    chain: PostgresAuditChain
    clock: Clock

    async def seal(self) -> list[Seal]:
        return await seal_waiting(self.chain, ISPB, KEY, self.clock)

    async def note(self, *actions: str) -> None:
        await self.postgres.transaction(note, *actions)

    async def verdict(self) -> Verdict:
        verifier = AuditVerifier(self.chain, ISPB, TrustedKeys.of(KEY), self.clock.now())
        return await verifier.verify()

    async def found(self) -> list[tuple[Kind, int | None, int | None]]:
        return [(one.kind, one.seal, one.line) for one in (await self.verdict()).findings]

    async def ids(self) -> list[int]:
        rows = await fetch(self.postgres, "SELECT id FROM audit_trail ORDER BY xid, id")
        return [row["id"] for row in rows]

    async def tamper(self, query: str, *arguments: Any) -> None:
        """As whoever owns the database."""
        await fetch(self.admin, query.replace("SCHEMA", SCHEMA), *arguments)


async def note(connection: Connection, *actions: str) -> None:
    lines = [paperwork.AuditLine("key_1", action, "thing_1", b"") for action in actions]
    await paperwork.file(connection, audit=lines)


@pytest.fixture
async def house(asyncio_host: AsyncioHost, institution_database: str) -> AsyncIterator[House]:
    async with (
        open_institution(asyncio_host, institution_database) as postgres,
        open_admin(asyncio_host, institution_database) as admin,
    ):
        yield House(postgres, admin, PostgresAuditChain(postgres), Clock())


# Sealing


async def test_lines_are_sealed_told_and_whole(house: House) -> None:
    await house.note("thing.made", "thing.changed")
    await house.note("thing.made")
    [seal] = await house.seal()
    assert (seal.seq, seal.count) == (1, 3)

    witness = MemoryWitness()
    assert await tell_witness(house.chain, witness) == 1
    assert witness.kept == [seal]
    assert await tell_witness(house.chain, witness) == 0
    assert await house.verdict() == Verdict(
        seals=1, lines=3, purged=0, waiting=0, checkpoints=None, findings=()
    )


async def test_a_late_committer_is_sealed_later_and_in_its_place(house: House) -> None:
    """Its line has the lower number and the lower transaction, and appears after the others."""
    begun, release = trio.Event(), trio.Event()

    async def late() -> None:
        async def work(connection: Connection) -> None:
            await note(connection, "late.made")
            begun.set()
            while not release.is_set():
                await connection.fetchval("SELECT pg_sleep(0.01)")

        await house.postgres.transaction(work)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(late)
        await begun.wait()
        await house.note("quick.made")
        assert await house.seal() == []  # nothing may pass the open one
        assert (await house.chain.waiting(START)).count == 1
        release.set()

    [seal] = await house.seal()
    lines = await house.chain.lines(START, seal.last, 10)
    assert [one.action for one in lines] == ["late.made", "quick.made"]
    assert await house.found() == []


async def test_numbers_that_were_rolled_back_are_gaps_that_nobody_misses(house: House) -> None:
    async def fails(connection: Connection) -> None:
        await note(connection, "never.made")
        raise ValueError

    await house.note("thing.made")
    with pytest.raises(ValueError):  # noqa: PT011 - our own, without words
        await house.postgres.transaction(fails)
    await house.note("thing.made")
    [seal] = await house.seal()
    first, last = await house.ids()
    assert (seal.count, last - first) == (2, 2)
    assert await house.found() == []


async def test_under_load_every_line_gets_one_seal(house: House) -> None:
    sealed: list[Seal] = []

    async def write() -> None:
        for _ in range(40):
            await house.note("thing.made", "thing.changed", "thing.ended")

    async with trio.open_nursery() as nursery:

        async def keep_sealing() -> None:
            while True:
                sealed.extend(await house.seal())
                await trio.lowlevel.checkpoint()

        nursery.start_soon(keep_sealing)
        async with trio.open_nursery() as writers:
            for _ in range(6):
                writers.start_soon(write)
        nursery.cancel_scope.cancel()

    sealed += await house.seal()
    verdict = await house.verdict()
    assert (verdict.findings, verdict.lines, verdict.waiting) == ((), 720, 0)
    assert sum(
        one["count"] for one in await fetch(house.postgres, "SELECT * FROM audit_seals")
    ) == (720)


async def test_two_sealers_at_once_make_one_chain(house: House) -> None:
    for _ in range(20):
        await house.note("thing.made")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(house.seal)
            nursery.start_soon(house.seal)
    verdict = await house.verdict()
    assert (verdict.findings, verdict.lines) == ((), 20)


async def test_a_server_that_counts_transactions_from_below_is_noticed(house: House) -> None:
    await house.note("thing.made")
    await house.seal()
    await house.tamper("UPDATE SCHEMA.audit_trail SET xid = 1::bigint << 40")
    await house.tamper("UPDATE SCHEMA.audit_seals SET last_xid = 1::bigint << 40")
    await house.note("thing.made")
    with pytest.raises(Refused) as refused:
        await house.seal()
    assert refused.value.code == "audit_horizon_went_back"


# Who a line is of


async def test_a_line_says_where_its_change_comes_from(house: House) -> None:
    comes_from(Origin(credential="key_7", address="192.0.2.7", request_id="req_7"))
    await house.note("thing.made")
    [line], _ = await house.chain.page(LinesWanted(), Page())
    assert (line.credential, line.address, line.request_id) == ("key_7", "192.0.2.7", "req_7")


async def test_requests_that_share_a_batch_keep_their_own_origins(
    asyncio_host: AsyncioHost, institution_database: str
) -> None:
    async with open_store(asyncio_host, institution_database) as (store, postgres):

        async def request(number: int) -> None:
            comes_from(Origin(request_id=f"req_{number}"))
            await store.open_charge(charge_opening())

        async with trio.open_nursery() as nursery:
            for number in range(30):
                nursery.start_soon(request, number)

        assert store.statistics()["open_charge"].batches < 30
        wanted = LinesWanted(action="charge.created")
        lines, _ = await PostgresAuditChain(postgres).page(wanted, Page(size=100))

    assert {one.request_id for one in lines} == {f"req_{number}" for number in range(30)}
    assert {one.merchant_id for one in lines} == {MERCHANT}


# Rights


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_trail SET note = ''",
        "DELETE FROM audit_trail",
        "INSERT INTO audit_trail (actor, xid) VALUES ('me', 5)",
        "INSERT INTO audit_trail (actor, at) VALUES ('me', now())",
        "INSERT INTO audit_trail (id, actor) OVERRIDING SYSTEM VALUE VALUES (1, 'me')",
        "UPDATE audit_seals SET count = 1",
        "DELETE FROM audit_seals",
        "DELETE FROM audit_leaves",
        "DELETE FROM audit_checkpoints",
        "INSERT INTO audit_purges (seq, count, purged_by, reason) VALUES (1, 1, 'me', '')",
    ],
)
async def test_the_institution_may_add_and_change_nothing(house: House, statement: str) -> None:
    await house.note("thing.made")
    await house.seal()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await fetch(house.postgres, statement)


# Tampering, by the owner of the database


async def test_what_its_owner_does_to_the_database_is_found(house: House) -> None:
    for number in range(8):
        await house.note(f"thing.made_{number}")
    await house.seal()
    ids = await house.ids()
    await house.tamper("UPDATE SCHEMA.audit_trail SET note = 'x' WHERE id = $1", ids[1])
    await house.tamper("DELETE FROM SCHEMA.audit_trail WHERE id = $1", ids[2])
    await house.tamper(
        "INSERT INTO SCHEMA.audit_trail (actor, action, subject, digest, xid)"
        " SELECT 'x', 'x', 'x', '', xid FROM SCHEMA.audit_trail WHERE id = $1",
        ids[3],
    )
    await house.tamper(
        """
        UPDATE SCHEMA.audit_trail AS one SET action = other.action, at = other.at
        FROM SCHEMA.audit_trail AS other
        WHERE one.id IN ($1, $2) AND other.id IN ($1, $2) AND one.id <> other.id
        """,
        ids[5],
        ids[6],
    )
    assert set(await house.found()) == {
        (Kind.CHANGED, 1, ids[1]),
        (Kind.MISSING, 1, ids[2]),
        (Kind.ADDED, 1, ids[-1] + 1),
        (Kind.REORDERED, 1, ids[5]),
        (Kind.REORDERED, 1, ids[6]),
    }


# Reading


async def test_lines_are_found_by_who_what_which_and_when(house: House) -> None:
    await house.note("thing.made", "thing.changed")
    comes_from(Origin(credential="key_9"))
    await house.note("other.made")

    async def actions(**wanted: Any) -> list[str]:
        lines, total = await house.chain.page(LinesWanted(**wanted), Page())
        assert total == len(lines)
        return [one.action for one in lines]

    assert await actions() == ["other.made", "thing.changed", "thing.made"]
    assert await actions(action="thing.") == ["thing.changed", "thing.made"]
    assert await actions(action="thing.made") == ["thing.made"]
    assert await actions(actor="key_9") == ["other.made"]
    assert await actions(actor="key_1", action="other.") == ["other.made"]
    assert await actions(subject="thing_1", actor="nobody") == []
    assert await actions(since=datetime.now(UTC) + timedelta(hours=1)) == []
    assert await actions(merchant_id="mch_1") == []


async def test_a_line_is_proven_once_it_is_sealed(house: House) -> None:
    await house.note("thing.made")
    [line_id] = await house.ids()
    with pytest.raises(Refused, match="waits for its seal"):
        await prove_line(house.chain, ISPB, line_id)
    await house.seal()
    proof = await prove_line(house.chain, ISPB, line_id)
    assert (proof.line.id, proof.seal.seq) == (line_id, 1)

    await house.tamper("UPDATE SCHEMA.audit_trail SET note = 'x'")
    with pytest.raises(Refused) as refused:
        await prove_line(house.chain, ISPB, line_id)
    assert refused.value.code == "audit_trail_damaged"


# Purging


async def test_what_is_old_enough_goes_as_a_whole_and_its_seal_stays(house: House) -> None:
    await house.note("thing.made", "thing.made")
    await house.tamper("UPDATE SCHEMA.audit_trail SET at = now() - interval '7 years'")
    house.clock.shift = timedelta(days=-7 * 365)
    await house.seal()
    house.clock.shift = timedelta()
    await house.note("thing.made")
    await house.seal()

    done = await purge_audit(house.chain, house.clock, "unix:ana", "their time is over")
    assert (done.seals, done.lines, done.next_class) == (1, 2, "everything else")
    await house.seal()
    verdict = await house.verdict()
    assert (verdict.findings, verdict.purged, verdict.seals) == ((), 2, 3)
    [line], _ = await house.chain.page(LinesWanted(action="audit.purged"), Page())
    assert (line.actor, line.subject) == ("unix:ana", "seal:1")
    assert await house.chain.leaves(1) is None


async def test_the_database_itself_keeps_every_line_for_five_years(house: House) -> None:
    """Also from a program that asks for less; and only the oldest batch may go."""
    await house.note("thing.made")
    await house.seal()
    await house.note("thing.made")
    await house.seal()
    for seq in (1, 2, 3):
        with pytest.raises(Refused) as refused:
            await house.chain.purge(seq, "unix:ana", "now")
        assert refused.value.code == "audit_not_purgeable"
    assert len(await house.ids()) == 2


# What operators did


async def test_deeds_are_taken_in_with_how_far_their_desk_was_read(house: House) -> None:
    deed = Deed(
        actor="operator",
        action="operator.restart",
        subject="root/institutions/12345678",
        digest=bytes(32),
        note="done: because",
        credential="unix:ana",
        address="admin socket, pid 7",
        request_id="deed_1",
    )
    assert await house.chain.desk_place("a") == 0
    await house.chain.take_in("a", 120, [deed])
    await house.chain.take_in("a", 180, [])
    assert await house.chain.desk_place("a") == 180
    [line], _ = await house.chain.page(LinesWanted(), Page())
    assert (line.action, line.credential, line.request_id) == (
        "operator.restart", "unix:ana", "deed_1"
    )  # fmt: skip
