"""A caller's key belongs to its first request, for 30 days: decided by one unique row."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from fluxiq.ports import Differs, Fresh, Idempotency, Opening, Replay, Running
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns
from fluxiq.stores.sealed import RESPONSE, House
from fluxiq.stores.statement import Part, compose

KEY_LIFE_DAYS: Final = 30


def claiming(condition: str) -> Part:
    """Claim the keys of those rows of `asked` that meet `condition`.

    An old key is taken over by the request that finds it so. Sorted, against deadlocks. It waits
    for an unfinished rival, so of any number of equal requests one claims.
    """
    return Part(
        "claimed (what)",
        f"""
        INSERT INTO idempotency_keys AS old
            (merchant_id, key, digest, resource_id, created_at, refused, response)
        SELECT * FROM unnest(
            $1::text[], $2::text[], $3::bytea[], $4::text[], $5::timestamptz[], $6::bool[],
            $7::bytea[]
        ) AS asked (merchant_id, key, digest, resource_id, created_at, refused, response)
        WHERE {condition}
        ON CONFLICT (merchant_id, key) DO UPDATE SET
            digest = excluded.digest, resource_id = excluded.resource_id,
            created_at = excluded.created_at, refused = excluded.refused,
            response = excluded.response
        WHERE old.created_at <= excluded.created_at - interval '{KEY_LIFE_DAYS} days'
        RETURNING resource_id
        """,  # noqa: S608 - constants
    )


CLAIMED: Final = claiming("true")

_READ: Final = """
SELECT merchant_id, key, digest, resource_id, refused, response FROM idempotency_keys
JOIN unnest($1::text[], $2::text[]) AS asked (merchant_id, key) USING (merchant_id, key)
"""

_FIND: Final = f"""
SELECT merchant_id, key, digest, resource_id, refused, response FROM idempotency_keys
WHERE merchant_id = $1 AND key = ANY ($2::text[])
    AND created_at > $3::timestamptz - interval '{KEY_LIFE_DAYS} days'
"""  # noqa: S608 - a constant

_CLAIM_ALONE: Final = compose([CLAIMED], "SELECT what FROM claimed")

_ANSWER: Final = """
UPDATE idempotency_keys SET refused = false, response = $3 WHERE merchant_id = $1 AND key = $2
"""


class Claim(Struct, frozen=True, kw_only=True):
    """A request under a key. With `refused` and `response` it is answered at once, else later."""

    merchant_id: str
    idempotency: Idempotency
    resource_id: str
    at: datetime
    refused: bool | None = None
    response: bytes | None = None


class Claims:
    """The claims of a batch (None: a request without a key), the first of equal ones in front."""

    def __init__(self, house: House, claims: Sequence[Claim | None]) -> None:
        self._house = house
        self._claims = claims
        self._first: dict[tuple[str, str], Claim] = {}
        for one in claims:
            if one is not None:
                self._first.setdefault(_name(one), one)

    def may_win(self, index: int) -> bool:
        """Whether the request at `index` has no key, or is the first of its batch with its key."""
        one = self._claims[index]
        return one is None or self._first[_name(one)] is one

    def columns(self) -> list[list[Any]]:
        """The arguments of CLAIMED."""
        rows = [
            (
                *name,
                one.idempotency.digest,
                one.resource_id,
                one.at,
                one.refused,
                sealed_response(self._house, *name, one.response),
            )
            for name, one in sorted(self._first.items(), key=_by_name)
        ]
        return columns(rows, 7)

    async def answers(self, connection: Connection, claimed: AbstractSet[str]) -> list[Opening]:
        """Fresh for whoever `claimed` (resource ids) and for no claim at all, else what became of
        the first.
        """
        fresh = {id(one) for one in self._first.values() if one.resource_id in claimed}
        lost = {_name(one) for one in self._claims if one is not None and id(one) not in fresh}
        rows = await _read(connection, sorted(lost))
        return [
            Fresh()
            if one is None or id(one) in fresh
            else _judge(self._house, one.idempotency, rows[_name(one)])
            for one in self._claims
        ]


async def claim_alone(connection: Connection, house: House, claim: Claim | None) -> Opening:
    """One claim, in a transaction that goes on with what is asked when it is Fresh."""
    claims = Claims(house, [claim])
    rows = await connection.fetch(_CLAIM_ALONE, *claims.columns())
    [answer] = await claims.answers(connection, {row["what"] for row in rows})
    return answer


async def answer(connection: Connection, house: House, claim: Claim, response: bytes) -> None:
    """What replays of `claim` get, when it is known only at the end of its transaction."""
    name = _name(claim)
    await connection.execute(_ANSWER, *name, sealed_response(house, *name, response))


def sealed_response(
    house: House, merchant_id: str, key: str, response: bytes | None
) -> bytes | None:
    """An answer as it is kept under a merchant's key; None while there is none."""
    if response is None:
        return None
    return house.seal(response, RESPONSE, f"{merchant_id}/{key}")


async def find(
    connection: Connection,
    house: House,
    merchant_id: str,
    idempotency: Idempotency,
    now: datetime,
) -> Replay | Running | Differs | None:
    """What became of the request under this key; None when the key is free."""
    [found] = await find_many(connection, house, merchant_id, [idempotency], now)
    return found


async def find_many(
    connection: Connection,
    house: House,
    merchant_id: str,
    asked: Sequence[Idempotency],
    now: datetime,
) -> list[Replay | Running | Differs | None]:
    """As `find`, of each."""
    rows = await connection.fetch(_FIND, merchant_id, [one.key for one in asked], now)
    found = {row["key"]: row for row in rows}
    return [_judge(house, one, found[one.key]) if one.key in found else None for one in asked]


async def _read(
    connection: Connection, names: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Any]:
    if not names:
        return {}

    # A statement of its own: the rival's row may be younger than the claim's snapshot. What claimed
    # is committed by now; a claim that is lost here finds itself running, as after a lost commit.
    found = await connection.fetch(_READ, *columns(names, 2))
    return {(row["merchant_id"], row["key"]): row for row in found}


def _judge(house: House, asked: Idempotency, row: Any) -> Replay | Running | Differs:
    if row["digest"] != asked.digest:
        return Differs()

    if row["response"] is None:
        return Running(row["resource_id"])

    opened = house.open(row["response"], RESPONSE, f"{row['merchant_id']}/{row['key']}")
    return Replay(row["refused"], opened)


def _name(claim: Claim) -> tuple[str, str]:
    return claim.merchant_id, claim.idempotency.key


def _by_name(item: tuple[tuple[str, str], Claim]) -> tuple[str, str]:
    return item[0]
