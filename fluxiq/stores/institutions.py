"""`ports.institutions.InstitutionRecords`: the register in the schema `platform`, as its owner."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from fluxiq.domain.institution import (
    InstitutionEvent,
    InstitutionState,
    LifeStep,
    Registered,
    Remainder,
    advance,
)
from fluxiq.errors import Refused
from fluxiq.ports.institutions import STEPS_MAX, InstitutionRecords
from fluxiq.settings import Institution
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.provision import role_of
from fluxiq.stores.rows import record

_ALL: Final = "SELECT * FROM platform.institutions ORDER BY ispb"
_FIND: Final = "SELECT * FROM platform.institutions WHERE ispb = $1 FOR UPDATE"

_CLAIM: Final = """
INSERT INTO platform.institutions
    (ispb, name, ledger, schema_name, role_name, state, declaration, reason)
VALUES ($1, $2, $3, $4, $4, 'adding', $5, $6)
ON CONFLICT (ispb) DO UPDATE SET
    name = excluded.name, state = 'adding', declaration = excluded.declaration,
    reason = excluded.reason, archive = '', changed_at = now()
RETURNING *
"""

_MOVE: Final = """
UPDATE platform.institutions SET state = $2, reason = $3, archive = $4, changed_at = now()
WHERE ispb = $1 RETURNING *
"""

_STEP: Final = """
INSERT INTO platform.institution_steps (ispb, event, state, reason) VALUES ($1, $2, $3, $4)
"""

_STEPS: Final = """
SELECT event, state, reason, at FROM platform.institution_steps
WHERE ispb = $1 ORDER BY id DESC LIMIT $2
"""

# What has not come to its end, each with the words for it. Whoever is asked to leave has none.
_IN_FLIGHT: Final[Mapping[str, str]] = {
    "accounts with a hold": (
        "FROM {schema}.ledger_accounts WHERE debits_pending <> 0 OR credits_pending <> 0"
    ),
    "payouts": (
        "FROM {schema}.payouts WHERE stage IN ('scheduled', 'created', 'held', 'sent', 'in_doubt')"
    ),
    "refunds": "FROM {schema}.refunds WHERE stage IN ('created', 'held', 'sent', 'in_doubt')",
    "transfers": "FROM {schema}.transfers WHERE stage IN ('created', 'pending', 'approved')",
    "payout batches": (
        "FROM {schema}.payout_batches WHERE status IN ('awaiting_release', 'releasing')"
    ),
    "fraud reports": "FROM {schema}.med_reports WHERE settled_at IS NULL",
    "contests": "FROM {schema}.contests WHERE owed IS NOT NULL",
    "notices that nobody read": "FROM {schema}.inbox WHERE done_at IS NULL",
    "batches of the ledger": (
        "FROM {schema}.ledger_journal WHERE results_reversed IS NULL OR NOT mirrored"
    ),
}
_BALANCES: Final = "FROM {schema}.ledger_accounts WHERE debits_posted <> credits_posted"


class PostgresInstitutions(InstitutionRecords):
    """`admin` owns the database. Institutions themselves see nothing of this."""

    def __init__(self, admin: Postgres) -> None:
        self._admin = admin

    async def all(self) -> list[Registered]:
        return await self._admin.run(_all)

    async def find(self, ispb: str) -> Registered | None:
        return await self._admin.transaction(_find, ispb)

    async def claim(self, one: Institution, reason: str) -> Registered:
        return await self._admin.transaction(_claim, one, reason)

    async def move(
        self, ispb: str, event: InstitutionEvent, reason: str, *, archive: str = ""
    ) -> Registered:
        return await self._admin.transaction(_move, ispb, event, reason, archive)

    async def withdraw(self, ispb: str, reason: str) -> None:
        await self._admin.transaction(_withdraw, ispb, reason)

    async def steps(self, ispb: str) -> list[LifeStep]:
        return await self._admin.run(_steps, ispb)

    async def remainder(self, ispb: str) -> Remainder:
        return await self._admin.transaction(_remainder, ispb)


async def _all(connection: Connection) -> list[Registered]:
    return [record(Registered, row) for row in await connection.fetch(_ALL)]


async def _find(connection: Connection, ispb: str) -> Registered | None:
    row = await connection.fetchrow(_FIND, ispb)
    return None if row is None else record(Registered, row)


async def _claim(connection: Connection, one: Institution, reason: str) -> Registered:
    await _lock(connection)
    await _check_ledger(connection, one)
    declaration: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(one))  # as jsonb has it
    found = await _find(connection, one.ispb)
    if found is not None and found.state is not InstitutionState.REMOVED:
        if found.state is InstitutionState.ADDING and found.declaration != declaration:
            raise Refused(
                "institution_exists", f"{one.ispb} is being added with another declaration"
            )
        return found

    row = await connection.fetchrow(
        _CLAIM, one.ispb, one.name, one.ledger, role_of(one.ispb), declaration, reason
    )
    await _write_step(connection, one.ispb, InstitutionEvent.CLAIMED, row["state"], reason)
    return record(Registered, row)


async def _check_ledger(connection: Connection, one: Institution) -> None:
    """A number is registered once, and for ever."""
    query = "SELECT ispb, ledger FROM platform.institutions WHERE ispb = $1 OR ledger = $2"
    for row in await connection.fetch(query, one.ispb, one.ledger):
        if row["ispb"] != one.ispb:
            said = f"setting 'ledger' of {one.ispb}: {one.ledger} belongs to {row['ispb']}"
            raise Refused("institution_invalid", said, field="ledger")
        if row["ledger"] != one.ledger:
            said = f"setting 'ledger' of {one.ispb}: it is registered with {row['ledger']}"
            raise Refused("institution_invalid", said, field="ledger")


async def _move(
    connection: Connection, ispb: str, event: InstitutionEvent, reason: str, archive: str
) -> Registered:
    found = await _find(connection, ispb)
    if found is None:
        raise Refused("institution_not_found", f"no institution {ispb} here")
    state = advance(found.state, event)
    if state is None:
        said = f"{ispb} is {found.state}: {event} cannot happen now"
        raise Refused("institution_state", said, details={"state": found.state.value})

    row = await connection.fetchrow(_MOVE, ispb, state, reason, archive or found.archive)
    await _write_step(connection, ispb, event, state, reason)
    return record(Registered, row)


async def _withdraw(connection: Connection, ispb: str, reason: str) -> None:
    found = await _find(connection, ispb)
    if found is None:
        return
    if await _has_schema(connection, ispb):
        await _move(connection, ispb, InstitutionEvent.WITHDRAWN, reason, "")
        return
    assert found.state is InstitutionState.ADDING, f"{ispb} is {found.state}"
    await connection.execute("DELETE FROM platform.institutions WHERE ispb = $1", ispb)
    await _write_step(connection, ispb, InstitutionEvent.WITHDRAWN, "forgotten", reason)


async def _steps(connection: Connection, ispb: str) -> list[LifeStep]:
    return [record(LifeStep, row) for row in await connection.fetch(_STEPS, ispb, STEPS_MAX)]


async def _remainder(connection: Connection, ispb: str) -> Remainder:
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    if not await _has_schema(connection, ispb):
        return Remainder(balances=0, in_flight={})
    await connection.execute("SET LOCAL enable_seqscan = on")  # it reads whole tables
    schema = role_of(ispb)
    balances = await _count(connection, _BALANCES, schema)
    counted = {what: await _count(connection, rows, schema) for what, rows in _IN_FLIGHT.items()}
    return Remainder(balances=balances, in_flight=counted)


async def _count(connection: Connection, rows: str, schema: str) -> int:
    counted: int = await connection.fetchval(f"SELECT count(*) {rows.format(schema=schema)}")
    return counted


async def _has_schema(connection: Connection, ispb: str) -> bool:
    """Whether it ever got so far that records of it can exist."""
    found: bool = await connection.fetchval(
        "SELECT to_regclass($1 || '.ledger_accounts') IS NOT NULL", role_of(ispb)
    )
    return found


async def _lock(connection: Connection) -> None:
    """Two who claim the same number wait for each other, and the second is told."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('fluxiq.provision', 0))"
    )


async def _write_step(
    connection: Connection, ispb: str, event: InstitutionEvent, state: str, reason: str
) -> None:
    await connection.execute(_STEP, ispb, event.value, state, reason)
