"""What was agreed with merchants about fees: versions, of which none is ever changed."""

from collections.abc import Mapping
from typing import Any, Final

from fluxiq.domain.fee import AgreedFee, FeePlan
from fluxiq.domain.records import Event
from fluxiq.ports import Archived
from fluxiq.stores import paperwork, telling
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import digest_of, record
from fluxiq.stores.sealed import House
from fluxiq.stores.statement import Part, compose

# Of two that follow the same version, the key lets one in.
_AGREE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            INSERT INTO agreed_fees (
                merchant_id, version, fixed, basis_points, minimum, maximum, valid_from, set_by,
                reason
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (merchant_id, version) DO NOTHING
            RETURNING merchant_id
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_AGREED: Final = """
SELECT * FROM agreed_fees WHERE merchant_id = $1 ORDER BY version DESC LIMIT $2
"""


async def agree(
    connection: Connection,
    house: House,
    fee: AgreedFee,
    before: AgreedFee | None,
    event: Event | None,
) -> Archived | None:
    """Write the version that follows `before`, tell of it, and file it; None where another version
    follows it already.
    """
    plan = fee.plan
    given = fee.merchant_id
    rows = await connection.fetch(
        _AGREE,
        fee.merchant_id,
        fee.version,
        plan.fixed,
        plan.basis_points,
        plan.minimum,
        plan.maximum,
        fee.valid_from,
        fee.set_by,
        fee.reason,
        *telling.told(house, [] if event is None else [telling.Telling(event, given=given)]),
        *paperwork.audited([_line(fee, before)]),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if given in told.happened else None


async def agreed(connection: Connection, merchant_id: str, limit: int) -> list[AgreedFee]:
    rows = await connection.fetch(_AGREED, merchant_id, limit)
    return [_fee_of(row) for row in rows]


def _fee_of(row: Mapping[str, Any]) -> AgreedFee:
    return record(AgreedFee, {**row, "plan": record(FeePlan, row)})


def _line(fee: AgreedFee, before: AgreedFee | None) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        fee.set_by,
        "merchant.fee_changed",
        fee.merchant_id,
        digest_of(fee),
        note=fee.reason,
        given=fee.merchant_id,
        before=b"" if before is None else digest_of(before),
        merchant_id=fee.merchant_id,
    )
