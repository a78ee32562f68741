"""What every change leaves behind, in the change's own transaction, in one statement."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from fluxiq.domain.records import Step
from fluxiq.ports import OutboxDraft
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns


class AuditLine(Struct, frozen=True):
    """Who did what to which record; `digest` is SHA-256 of what was written."""

    actor: str
    action: str
    subject: str
    digest: bytes
    note: str = ""


class Announcement(Struct, frozen=True):
    """A message that stays in the outbox until `work` (an inbox row's or a payout's id) is done."""

    draft: OutboxDraft
    work: str
    due_at: datetime


# ORDER BY, so that two batches with the same rows take their locks in the same order.
_FILE: Final = """
WITH walked AS (
    INSERT INTO walk_steps (end_to_end_id, room, entered_at, left_at, detail)
    SELECT end_to_end_id, room, entered_at, coalesce(left_at, clock_timestamp()), detail
    FROM unnest(
        $1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[]
    ) AS walked (end_to_end_id, room, entered_at, left_at, detail)
    ON CONFLICT DO NOTHING
), audited AS (
    INSERT INTO audit_trail (actor, action, subject, digest, note)
    SELECT * FROM unnest($6::text[], $7::text[], $8::text[], $9::bytea[], $10::text[])
), closed AS (
    UPDATE inbox SET done_at = now()
    WHERE done_at IS NULL AND id IN (
        SELECT id FROM inbox WHERE id = ANY ($11::text[]) ORDER BY id FOR UPDATE
    )
), done AS (
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE work = ANY ($12::text[]) ORDER BY id FOR UPDATE
    )
)
INSERT INTO outbox (subject, reference, body, work, next_attempt_at)
SELECT * FROM unnest($13::text[], $14::text[], $15::bytea[], $16::text[], $17::timestamptz[])
"""


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
    walked = [(s.end_to_end_id, s.room, s.entered_at, s.left_at, s.detail) for s in steps]
    audited = [(a.actor, a.action, a.subject, a.digest, a.note) for a in audit]
    announced = [
        (a.draft.subject, a.draft.reference, a.draft.body, a.work, a.due_at) for a in announcements
    ]
    await connection.execute(
        _FILE,
        *columns(walked, 5),
        *columns(audited, 5),
        list(inbox_ids),
        list(done),
        *columns(announced, 5),
    )
