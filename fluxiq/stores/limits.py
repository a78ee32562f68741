"""The limits of customers: chosen by themselves, used up by payouts, given back by failed ones.

Used up and given back is inside the statements that open and end payouts: the parts for that are
here. An account's row is locked first, so what a payout is judged by is what it counts into. Locks
are taken in one order everywhere: payouts, limits, idempotency keys.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from fluxiq.domain.limits import Bounds, LimitsState
from fluxiq.ports import Archived, PayoutOpening
from fluxiq.ports.limits import LimitRecords, LimitsChosen
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import paperwork, telling
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import MERCHANT_DOCUMENT, House
from fluxiq.stores.statement import Part, compose

# Counting: BOUNDED, WANTED, LOCKED and FITS come before what they decide about, COUNTED after.

BOUNDED: Final = Part(
    "bounded (account_id, version, day, day_max, night, night_max)",
    """
    SELECT * FROM unnest(
        $1::text[], $2::bigint[], $3::date[], $4::bigint[], $5::date[], $6::bigint[]
    )
    """,
)

WANTED: Final = Part(
    "wanted (id, account_id, amount)",
    "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])",
)

# Each account with the day and night that it is in from now on: a clock that is behind others opens
# no day again, it counts into the latest.
LOCKED: Final = Part(
    "locked",
    """
    SELECT
        account_id, found.version,
        greatest(found.day, bounded.day) AS day,
        CASE WHEN found.day >= bounded.day THEN found.day_used ELSE 0 END AS day_used,
        greatest(found.night, bounded.night) AS night,
        CASE WHEN found.night >= bounded.night THEN found.night_used ELSE 0 END AS night_used
    FROM (
        SELECT * FROM payout_limits
        WHERE account_id = ANY (ARRAY(SELECT account_id FROM bounded))
        ORDER BY account_id FOR UPDATE
    ) AS found JOIN bounded USING (account_id)
    """,
)

# All that is asked of an account at once, or nothing: whoever is told that it does not fit chooses.
FITS: Final = Part(
    "fits (account_id)",
    """
    SELECT account_id
    FROM locked JOIN bounded USING (account_id, version)
    JOIN (SELECT account_id, sum(amount) AS amount FROM wanted GROUP BY account_id) AS asked
        USING (account_id)
    WHERE (day_max IS NULL OR locked.day_used + asked.amount <= day_max)
        AND (
            bounded.night IS NULL OR night_max IS NULL
            OR locked.night_used + asked.amount <= night_max
        )
    """,
)

COUNTING: Final = (BOUNDED, WANTED, LOCKED, FITS)

# Of what was wanted, what happened.
COUNTED: Final = Part(
    "counted",
    """
    UPDATE payout_limits AS known SET
        day = locked.day, day_used = locked.day_used + used.amount,
        night = CASE WHEN bounded.night IS NULL THEN known.night ELSE locked.night END,
        night_used = CASE WHEN bounded.night IS NULL THEN known.night_used
            ELSE locked.night_used + used.amount END
    FROM locked JOIN bounded USING (account_id) JOIN (
        SELECT account_id, sum(amount) AS amount FROM wanted
        WHERE id IN (SELECT what FROM happened) GROUP BY account_id
    ) AS used USING (account_id)
    WHERE known.account_id = locked.account_id
    """,
)

# The windows of a payout of account `asked.account_id`; its night only where it counted into one.
WINDOWS: Final = """
LEFT JOIN (
    SELECT
        account_id, locked.day,
        CASE WHEN bounded.night IS NULL THEN NULL ELSE locked.night END AS night
    FROM locked JOIN bounded USING (account_id)
) AS counts ON counts.account_id = asked.account_id
"""

FITTING: Final = "SELECT 'fits ' || account_id AS what FROM fits"


def giving_back(failed: str) -> tuple[Part, ...]:
    """What failed payouts used, if it was used on the day, or in the night, that their account is
    in. `failed` selects their ids. Read `given_back` where it is to come before other locks.
    """
    return (
        Part(
            "failed",
            f"""
            SELECT account_id, amount, counted_day, counted_night FROM payouts
            WHERE counted_day IS NOT NULL AND id IN ({failed})
            """,  # noqa: S608 - a constant
        ),
        Part(
            "owing",
            """
            SELECT account_id, day, night FROM payout_limits
            WHERE account_id = ANY (ARRAY(SELECT account_id FROM failed))
            ORDER BY account_id FOR UPDATE
            """,
        ),
        Part(
            "given_back",
            """
            UPDATE payout_limits AS known SET
                day_used = known.day_used - back.by_day,
                night_used = known.night_used - back.by_night
            FROM (
                SELECT
                    account_id,
                    coalesce(sum(amount) FILTER (WHERE counted_day = owing.day), 0) AS by_day,
                    coalesce(sum(amount) FILTER (WHERE counted_night = owing.night), 0)
                        AS by_night
                FROM failed JOIN owing USING (account_id) GROUP BY account_id
            ) AS back
            WHERE known.account_id = back.account_id
            RETURNING known.account_id
            """,
        ),
    )


class Count(Struct, frozen=True):
    """A payout that counts into the limits of its account."""

    id: str
    account_id: str
    amount: int
    bounds: Bounds


def count_of(opening: PayoutOpening) -> Count | None:
    if opening.bounds is None:
        return None
    payout = opening.payout
    return Count(payout.id, payout.account_id, payout.amount, opening.bounds)


def stale(counts: Iterable[Count]) -> frozenset[str]:
    """Of the payouts that are asked for at once, those judged by older limits than others of their
    account: they are to be judged again.
    """
    listed = list(counts)
    newest = _newest(listed)
    return frozenset(
        one.id for one in listed if one.bounds.version != newest[one.account_id].version
    )


def counting(counts: Sequence[Count]) -> list[list[Any]]:
    """The arguments of COUNTING."""
    bounds = [
        (account_id, one.version, one.day, one.day_max, one.night, one.night_max)
        for account_id, one in sorted(_newest(counts).items())
    ]
    return [
        *columns(bounds, 6),
        *columns([(one.id, one.account_id, one.amount) for one in counts], 3),
    ]


def _newest(counts: Iterable[Count]) -> dict[str, Bounds]:
    newest: dict[str, Bounds] = {}
    for one in counts:
        known = newest.setdefault(one.account_id, one.bounds)
        if (one.bounds.version, one.bounds.day) > (known.version, known.day):
            newest[one.account_id] = one.bounds
    return newest


_BEGIN: Final = """
INSERT INTO payout_limits (account_id)
SELECT id FROM accounts WHERE id = ANY ($1::text[]) ORDER BY id
ON CONFLICT DO NOTHING
"""

_STATES: Final = """
SELECT payout_limits.*, merchants.id AS merchant_id, merchants.document
FROM payout_limits
JOIN accounts ON accounts.id = account_id
JOIN merchants ON merchants.id = accounts.merchant_id
WHERE account_id = ANY ($1::text[])
"""

_CHOOSE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE payout_limits SET
                version = version + 1, chosen = $3, raised = $4, raised_at = $5
            WHERE account_id = $1 AND version = $2
            RETURNING account_id
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)


class PostgresLimits(LimitRecords):
    """The limits of institution `ispb`'s accounts."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def states(self, account_ids: Sequence[str]) -> dict[str, LimitsState]:
        found = await self._postgres.run(_states, self._house, account_ids)
        missing = sorted(set(account_ids) - found.keys())
        if missing:
            await self._postgres.run(_begin, missing)
            found |= await self._postgres.run(_states, self._house, missing)
        return found

    async def choose(self, chosen: LimitsChosen) -> Archived | None:
        return await self._postgres.run(_choose, self._house, chosen)


async def _states(
    connection: Connection, house: House, account_ids: Sequence[str]
) -> dict[str, LimitsState]:
    rows = await connection.fetch(_STATES, account_ids)
    return {row["account_id"]: _state_of(house, row) for row in rows}


def _state_of(house: House, row: Mapping[str, Any]) -> LimitsState:
    document = house.open_text(row["document"], MERCHANT_DOCUMENT, row["merchant_id"])
    return record(LimitsState, {**row, "document": document})


async def _begin(connection: Connection, account_ids: Sequence[str]) -> None:
    await connection.execute(_BEGIN, account_ids)


async def _choose(connection: Connection, house: House, chosen: LimitsChosen) -> Archived | None:
    before, choice = chosen.before, chosen.choice
    account_id = before.account_id
    rows = await connection.fetch(
        _CHOOSE,
        account_id,
        before.version,
        choice.chosen,
        choice.raised,
        choice.raised_at,
        *telling.told(house, [telling.Telling(chosen.event, given=account_id)]),
        *paperwork.audited(
            [
                paperwork.AuditLine(
                    chosen.actor,
                    "account.limits_chosen",
                    account_id,
                    digest_of(choice),
                    given=account_id,
                    before=digest_of(before),
                    merchant_id=chosen.event.merchant_id,
                )
            ]
        ),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if account_id in told.happened else None
