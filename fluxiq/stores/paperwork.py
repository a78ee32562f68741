"""What every change leaves behind, in the change's own transaction.

The parts go into the change's own statement (see `statement`, also for `given`); `file` is a
statement for changes that take several.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct, field

from fluxiq.domain.records import Step
from fluxiq.ports import OutboxDraft
from fluxiq.ports.origin import Origin, origin
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns
from fluxiq.stores.statement import GIVEN, HAPPENED, NOTHING, Part, compose


class AuditLine(Struct, frozen=True):
    """Who did what to which record; `digest` is SHA-256 of what was written, `before` of what it
    took the place of. `merchant_id` is whose record it is, where it is a merchant's.

    `origin` is that of whoever makes the line. Where many callers' changes are one statement, that
    is only the one of them who runs it: then it comes from the change (see `ports.origin`).
    """

    actor: str
    action: str
    subject: str
    digest: bytes
    note: str = ""
    given: str | None = None
    before: bytes = b""
    merchant_id: str | None = None
    origin: Origin = field(default_factory=origin)


def asker(where: Origin, merchant_id: str) -> str:
    """The actor of what is a merchant's to do: the API key or the person that asks for it; the
    merchant where nobody does, as for a line of a batch that a job opens.
    """
    return where.credential or merchant_id


class Announcement(Struct, frozen=True):
    """A message that stays in the outbox until `work` (an inbox row's or a payout's id) is done."""

    draft: OutboxDraft
    work: str
    due_at: datetime
    given: str | None = None


WALKED: Final = Part(
    "walked",
    f"""
    INSERT INTO walk_steps (end_to_end_id, room, entered_at, left_at, detail)
    SELECT end_to_end_id, room, entered_at, coalesce(left_at, clock_timestamp()), detail
    FROM unnest(
        $1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[]
    ) AS walked (end_to_end_id, room, entered_at, left_at, detail, given)
    WHERE {GIVEN}
    ON CONFLICT DO NOTHING
    """,  # noqa: S608 - a constant
)

AUDITED: Final = Part(
    "audited",
    f"""
    INSERT INTO audit_trail (
        actor, action, subject, digest, note, before, merchant_id, credential, address, request_id
    )
    SELECT
        actor, action, subject, digest, note, before, merchant_id, credential, address, request_id
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::bytea[], $5::text[], $6::bytea[], $7::text[],
        $8::text[], $9::text[], $10::text[], $11::text[]
    ) AS audited (
        actor, action, subject, digest, note, before, merchant_id, credential, address, request_id,
        given
    )
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

# ORDER BY, so that two batches with the same rows take their locks in the same order. Arrays, so
# that rows are found by their ids: by `done_at IS NULL`, which has an index too, every open row
# would be compared with every id.
CLOSED: Final = Part(
    "closed",
    f"""
    UPDATE inbox SET done_at = coalesce(done_at, now())
    WHERE id = ANY (ARRAY(
        SELECT id FROM inbox
        WHERE id = ANY (ARRAY(
            SELECT id FROM unnest($1::text[], $2::text[]) AS ended (id, given) WHERE {GIVEN}
        ))
        ORDER BY id FOR UPDATE
    ))
    """,  # noqa: S608 - a constant
)

DONE: Final = Part(
    "done",
    f"""
    DELETE FROM outbox WHERE id = ANY (ARRAY(
        SELECT id FROM outbox
        WHERE work = ANY (ARRAY(
            SELECT work FROM unnest($1::text[], $2::text[]) AS ended (work, given) WHERE {GIVEN}
        ))
        ORDER BY id FOR UPDATE
    ))
    """,  # noqa: S608 - a constant
)

ORDERED: Final = Part(
    "ordered",
    f"""
    INSERT INTO outbox (subject, reference, body, work, next_attempt_at)
    SELECT subject, reference, body, work, due_at
    FROM unnest(
        $1::text[], $2::text[], $3::bytea[], $4::text[], $5::timestamptz[], $6::text[]
    ) AS ordered (subject, reference, body, work, due_at, given)
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

_FILE: Final = compose([NOTHING, WALKED, AUDITED, CLOSED, DONE, ORDERED], HAPPENED)
_FILE_STEPS: Final = compose([NOTHING, WALKED], HAPPENED)


async def file(
    connection: Connection,
    *,
    steps: Sequence[Step] = (),
    audit: Sequence[AuditLine] = (),
    inbox_ids: Sequence[str] = (),
    done: Sequence[str] = (),
    announcements: Sequence[Announcement] = (),
) -> None:
    """Write walk and audit trail, close inbox rows, take what announced the work `done` out of the
    outbox, and announce new work. A step that is there already stays one.
    """
    await connection.fetch(
        _FILE,
        *walked((step, None) for step in steps),
        *audited(audit),
        *ended((one, None) for one in inbox_ids),
        *ended((one, None) for one in done),
        *ordered(announcements),
    )


async def file_steps(connection: Connection, steps: Sequence[Step]) -> None:
    await connection.fetch(_FILE_STEPS, *walked((step, None) for step in steps))


# The arguments of the parts


def walked(steps: Iterable[tuple[Step, str | None]]) -> list[list[Any]]:
    """Of WALKED: steps, each with what it is `given`."""
    return columns(
        ((s.end_to_end_id, s.room, s.entered_at, s.left_at, s.detail, given) for s, given in steps),
        6,
    )


def audited(lines: Iterable[AuditLine]) -> list[list[Any]]:
    """Of AUDITED."""
    return columns((_audited_row(line) for line in lines), 11)


def _audited_row(line: AuditLine) -> tuple[object, ...]:
    where = line.origin
    return (
        line.actor,
        line.action,
        line.subject,
        line.digest,
        line.note,
        line.before,
        line.merchant_id or "",
        where.credential,
        where.address,
        where.request_id,
        line.given,
    )


def ended(ids: Iterable[tuple[str, str | None]]) -> list[list[Any]]:
    """Of CLOSED (inbox rows) and of DONE (works), each with what it is `given`."""
    return columns(ids, 2)


def ordered(announcements: Iterable[Announcement]) -> list[list[Any]]:
    """Of ORDERED."""
    return columns(
        (
            (a.draft.subject, a.draft.reference, a.draft.body, a.work, a.due_at, a.given)
            for a in announcements
        ),
        6,
    )
