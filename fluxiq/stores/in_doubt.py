"""Payouts that were ordered and did not end, with what the gate did about each last."""

from datetime import datetime
from typing import Final

import msgspec

from fluxiq.domain.records import PayoutStage
from fluxiq.ports import Page
from fluxiq.ports.payments import InDoubt
from fluxiq.stores.pool import Connection


def doubted(before: str) -> str:
    """Which payouts or refunds are in doubt; of those that were accepted the ones from `before`, a
    parameter. The partial indexes of open ones have them, and they are few.
    """
    return f"(stage = 'in_doubt' OR stage = 'sent' AND created_at < {before})"


_OPEN: Final = doubted("$1")

_PAGE: Final = f"""
SELECT payouts.id, merchant_id, account_id, payouts.end_to_end_id, amount, stage, created_at,
    gate.detail, gate.left_at AS tried_at
FROM payouts
LEFT JOIN LATERAL (
    SELECT detail, left_at FROM walk_steps
    WHERE walk_steps.end_to_end_id = payouts.end_to_end_id AND room = 'gate'
    ORDER BY entered_at DESC LIMIT 1
) gate ON true
WHERE {_OPEN} ORDER BY created_at, payouts.id LIMIT $2 OFFSET $3
"""  # noqa: S608 - constants
_COUNT: Final = f"SELECT count(*) FROM payouts WHERE {_OPEN}"  # noqa: S608 - constants


async def page_of(
    connection: Connection, before: datetime, page: Page
) -> tuple[list[InDoubt], int]:
    rows = await connection.fetch(_PAGE, before, page.size, (page.number - 1) * page.size)
    total = await connection.fetchval(_COUNT, before)
    return [_in_doubt(dict(row)) for row in rows], total


def _in_doubt(row: dict[str, object]) -> InDoubt:
    tried, answered = tried_and_answered(row.pop("detail"))
    return msgspec.convert({**row, "tried": tried, "answered": answered}, InDoubt)


def tried_and_answered(detail: object) -> tuple[str | None, str | None]:
    """What a step of the gate says: `ask accepted`. Where nobody answered it has our stage."""
    if not isinstance(detail, str):
        return None, None
    tried, _, said = detail.partition(" ")
    return tried, None if said in list(PayoutStage) else said
