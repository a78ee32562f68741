"""Book transfers: the intent before the money, then each stage, never backwards.

Which stage follows which was decided by the domain; here a change says which stage it leaves, and
the row decides whether it is still there.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from fluxiq.domain.transfer import UNFINISHED, BookTransfer, stages_of
from fluxiq.natural_batching import NaturalBatcher
from fluxiq.ports import Opening, Page
from fluxiq.ports.origin import Origin
from fluxiq.ports.sealing import Sealer
from fluxiq.ports.transfers import (
    Moved,
    TransferFilter,
    TransferMoved,
    TransferOpening,
    Transfers,
)
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import House
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_MADE: Final = Part(
    "made",
    f"""
    INSERT INTO transfers (
        id, merchant_id, source_account_id, destination_account_id, idempotency_key, amount,
        description, stage, created_by, created_at, updated_at, expires_at, metadata
    )
    SELECT
        id, merchant_id, source_account_id, destination_account_id, idempotency_key, amount,
        description, stage, created_by, created_at, updated_at, expires_at, metadata
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[],
        $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[],
        $13::jsonb[], $14::text[]
    ) AS asked (
        id, merchant_id, source_account_id, destination_account_id, idempotency_key, amount,
        description, stage, created_by, created_at, updated_at, expires_at, metadata, given
    )
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        _MADE,
        paperwork.AUDITED,
    ],
    HAPPENED,
)

# The rows are locked in the order of their ids, so that two batches cannot wait for each other.
_MOVE: Final = compose(
    [
        Part(
            "asked (id, before, stage, at, completed_at, failure_code, decided_by, refused, "
            "response)",
            """
            SELECT * FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                $6::text[], $7::text[], $8::bool[], $9::bytea[]
            )
            """,
        ),
        Part(
            "locked",
            """
            SELECT known.stage AS found, asked.*
            FROM asked JOIN transfers AS known USING (id)
            ORDER BY id FOR UPDATE OF known
            """,
        ),
        Part(
            "moved",
            """
            UPDATE transfers SET
                stage = locked.stage, updated_at = locked.at, completed_at = locked.completed_at,
                failure_code = locked.failure_code, decided_by = locked.decided_by
            FROM locked
            WHERE transfers.id = locked.id AND locked.found = locked.before
            RETURNING
                transfers.id, transfers.merchant_id, transfers.idempotency_key, locked.refused,
                locked.response
            """,
        ),
        Part("happened (what)", "SELECT id FROM moved"),
        Part(
            "answered",
            """
            UPDATE idempotency_keys AS key SET refused = moved.refused, response = moved.response
            FROM moved
            WHERE moved.response IS NOT NULL AND key.merchant_id = moved.merchant_id
                AND key.key = moved.idempotency_key AND key.resource_id = moved.id
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_KEYS: Final = "SELECT id, merchant_id, idempotency_key FROM transfers WHERE id = ANY ($1::text[])"

_WANTED: Final = """
FROM transfers
WHERE merchant_id = $1
    AND ($2::text IS NULL OR source_account_id = $2 OR destination_account_id = $2)
    AND ($3::text[] IS NULL OR stage = ANY ($3))
    AND ($4::timestamptz IS NULL OR created_at >= $4)
    AND ($5::timestamptz IS NULL OR created_at < $5)
"""
_PAGE: Final = f"SELECT * {_WANTED} ORDER BY created_at DESC, id DESC LIMIT $6 OFFSET $7"
_COUNT: Final = f"SELECT count(*) {_WANTED}"

_UNFINISHED: Final = """
SELECT * FROM transfers
WHERE stage IN ('created', 'approved', 'declined') AND updated_at < $1
ORDER BY updated_at LIMIT $2
"""
assert set(UNFINISHED) == {"created", "approved", "declined"}, "the index has these stages"

_OVERDUE: Final = """
SELECT * FROM transfers WHERE stage = 'pending' AND expires_at <= $1 ORDER BY expires_at LIMIT $2
"""


class PostgresTransfers(Transfers):
    """The transfers of institution `ispb`. Calls of many callers are batched."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        house = House(ispb, sealer)
        run: Any = postgres.run
        self._open: NaturalBatcher[TransferOpening, Opening] = NaturalBatcher(
            partial(run, open_transfers, house), system="postgres"
        )
        self._move: NaturalBatcher[TransferMoved, Moved] = NaturalBatcher(
            partial(run, move_transfers, house), system="postgres"
        )

    async def open(self, opening: TransferOpening) -> Opening:
        return await self._open(opening)

    async def move(self, moved: TransferMoved) -> Moved:
        return await self._move(moved)

    async def find(self, transfer_id: str) -> BookTransfer | None:
        return await self._postgres.run(_find, transfer_id)

    async def page(self, wanted: TransferFilter, page: Page) -> tuple[list[BookTransfer], int]:
        return await self._postgres.run(_page, wanted, page)

    async def unfinished(self, before: datetime, limit: int) -> list[BookTransfer]:
        return await self._postgres.run(_list, _UNFINISHED, before, limit)

    async def overdue(self, now: datetime, limit: int) -> list[BookTransfer]:
        return await self._postgres.run(_list, _OVERDUE, now, limit)


async def open_transfers(
    connection: Connection, house: House, openings: Sequence[TransferOpening]
) -> list[Opening]:
    """Idempotency keys stay without an answer (Running) until the transfer leaves CREATED."""
    claims = idempotency.Claims(house, [_claim(opening) for opening in openings])
    asked = [opening for index, opening in enumerate(openings) if claims.may_win(index)]
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([_row(opening) for opening in asked], 14),
        *paperwork.audited(
            _line("created", one.transfer, one.transfer.created_by, one.origin) for one in asked
        ),
    )
    return await claims.answers(connection, {row["what"] for row in rows})


async def move_transfers(
    connection: Connection, house: House, batch: Sequence[TransferMoved]
) -> list[Moved]:
    """Of several moves of one transfer in a batch the first may happen, the others do not."""
    first: dict[str, TransferMoved] = {}
    for one in batch:
        first.setdefault(one.transfer.id, one)

    responses = await _responses(connection, house, first.values())
    rows = await connection.fetch(
        _MOVE,
        *columns([_moved_row(one, responses.get(one.transfer.id)) for one in first.values()], 9),
        *telling.told(
            house,
            [
                telling.Telling(event, given=one.transfer.id)
                for one in first.values()
                for event in one.events
            ],
        ),
        *paperwork.audited(
            _line(one.transfer.stage, one.transfer, one.actor, one.origin) for one in first.values()
        ),
    )
    told = telling.Told.of_rows(rows)
    return [
        Moved(
            happened=one.transfer.id in told.happened,
            endpoint_ids=tuple(hook for event in one.events for hook in told.of(event)),
        )
        if first[one.transfer.id] is one
        else Moved(happened=False)
        for one in batch
    ]


async def _find(connection: Connection, transfer_id: str) -> BookTransfer | None:
    row = await connection.fetchrow("SELECT * FROM transfers WHERE id = $1", transfer_id)
    return None if row is None else record(BookTransfer, row)


async def _page(
    connection: Connection, wanted: TransferFilter, page: Page
) -> tuple[list[BookTransfer], int]:
    arguments = (
        wanted.merchant_id,
        wanted.account_id,
        None if wanted.status is None else stages_of(wanted.status),
        wanted.since,
        wanted.until,
    )
    rows = await connection.fetch(_PAGE, *arguments, page.size, (page.number - 1) * page.size)
    total = await connection.fetchval(_COUNT, *arguments)
    return [record(BookTransfer, row) for row in rows], total


async def _list(connection: Connection, query: str, at: datetime, limit: int) -> list[BookTransfer]:
    return [record(BookTransfer, row) for row in await connection.fetch(query, at, limit)]


def _claim(opening: TransferOpening) -> idempotency.Claim:
    return idempotency.Claim(
        merchant_id=opening.transfer.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.transfer.id,
        at=opening.transfer.created_at,
    )


def _row(opening: TransferOpening) -> tuple[object, ...]:
    transfer = opening.transfer
    return (
        transfer.id,
        transfer.merchant_id,
        transfer.source_account_id,
        transfer.destination_account_id,
        opening.idempotency.key,
        transfer.amount,
        transfer.description,
        transfer.stage,
        transfer.created_by,
        transfer.created_at,
        transfer.updated_at,
        transfer.expires_at,
        transfer.metadata,
        transfer.id,  # given that its key was claimed
    )


async def _responses(
    connection: Connection, house: House, moves: Iterable[TransferMoved]
) -> dict[str, bytes | None]:
    """The answers to idempotency keys, sealed to the keys' rows, which only the records name."""
    answers = {one.transfer.id: one.response for one in moves if one.response is not None}
    if not answers:
        return {}
    rows = await connection.fetch(_KEYS, list(answers))
    return {
        row["id"]: idempotency.sealed_response(
            house, row["merchant_id"], row["idempotency_key"], answers[row["id"]]
        )
        for row in rows
    }


def _moved_row(moved: TransferMoved, response: bytes | None) -> tuple[object, ...]:
    transfer = moved.transfer
    return (
        transfer.id,
        moved.before,
        transfer.stage,
        transfer.updated_at,
        transfer.completed_at,
        transfer.failure_code,
        transfer.decided_by,
        moved.refused if response is not None else None,
        response,
    )


def _line(action: str, transfer: BookTransfer, actor: str, where: Origin) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"transfer.{action}",
        transfer.id,
        digest_of(transfer),
        given=transfer.id,
        merchant_id=transfer.merchant_id,
        origin=where,
    )
