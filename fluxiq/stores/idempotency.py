"""A caller's key belongs to its first request, for 30 days: decided by one unique row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from fluxiq.ports import Differs, Fresh, Idempotency, Opening, Replay, Running
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns

KEY_LIFE_DAYS: Final = 30

# An old key is taken over by the request that finds it so. Sorted, against deadlocks.
_CLAIM: Final = f"""
INSERT INTO idempotency_keys AS old
    (merchant_id, key, digest, resource_id, created_at, refused, response)
SELECT * FROM unnest(
    $1::text[], $2::text[], $3::bytea[], $4::text[], $5::timestamptz[], $6::bool[], $7::bytea[]
)
ON CONFLICT (merchant_id, key) DO UPDATE SET
    digest = excluded.digest, resource_id = excluded.resource_id,
    created_at = excluded.created_at, refused = excluded.refused, response = excluded.response
WHERE old.created_at <= excluded.created_at - interval '{KEY_LIFE_DAYS} days'
RETURNING merchant_id, key
"""  # noqa: S608 - a constant

_READ: Final = """
SELECT merchant_id, key, digest, resource_id, refused, response FROM idempotency_keys
JOIN unnest($1::text[], $2::text[]) AS asked (merchant_id, key) USING (merchant_id, key)
"""


_FIND: Final = f"""
SELECT digest, resource_id, refused, response FROM idempotency_keys
WHERE merchant_id = $1 AND key = $2 AND created_at > $3::timestamptz - interval '{KEY_LIFE_DAYS} days'
"""  # noqa: S608 - a constant


class Claim(Struct, frozen=True, kw_only=True):
    """A request under a key. With `refused` and `response` it is answered at once, else later."""

    merchant_id: str
    idempotency: Idempotency
    resource_id: str
    at: datetime
    refused: bool | None = None
    response: bytes | None = None


async def claim(connection: Connection, claims: Sequence[Claim | None]) -> list[Opening]:
    """Fresh for whoever came first (also for no claim at all), else what became of the first.

    The insert waits for an unfinished rival, so of any number of equal requests one is Fresh.
    """
    first: dict[tuple[str, str], Claim] = {}
    for one in claims:
        if one is not None:
            first.setdefault(_name(one), one)

    won = await _insert(connection, [first[name] for name in sorted(first)])
    fresh = {id(first[name]) for name in won}
    lost = {_name(one) for one in claims if one is not None and id(one) not in fresh}
    rows = await _read(connection, sorted(lost))
    return [
        Fresh() if one is None or id(one) in fresh else _judge(one.idempotency, rows[_name(one)])
        for one in claims
    ]


async def find(
    connection: Connection, merchant_id: str, idempotency: Idempotency, now: datetime
) -> Replay | Running | Differs | None:
    """What became of the request under this key; None when the key is free."""
    row = await connection.fetchrow(_FIND, merchant_id, idempotency.key, now)
    return None if row is None else _judge(idempotency, row)


async def _insert(connection: Connection, claims: Sequence[Claim]) -> set[tuple[str, str]]:
    if not claims:
        return set()

    rows = [
        (
            *_name(one),
            one.idempotency.digest,
            one.resource_id,
            one.at,
            one.refused,
            one.response,
        )
        for one in claims
    ]
    return {(row[0], row[1]) for row in await connection.fetch(_CLAIM, *columns(rows, 7))}


async def _read(
    connection: Connection, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    if not names:
        return {}

    # A statement of its own: the rival's row may be younger than the claim's snapshot.
    found = await connection.fetch(_READ, *columns(names, 2))
    return {(row["merchant_id"], row["key"]): row for row in found}


def _judge(asked: Idempotency, row: Any) -> Replay | Running | Differs:
    if row["digest"] != asked.digest:
        return Differs()

    if row["response"] is None:
        return Running(row["resource_id"])

    return Replay(row["refused"], row["response"])


def _name(claim: Claim) -> tuple[str, str]:
    return claim.merchant_id, claim.idempotency.key
