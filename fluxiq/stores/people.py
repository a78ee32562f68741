"""`ports.privacy.People` over an institution's own schema.

A document has no index in payments, but that of a merchant's payers: it would cost every payment
time, for what is asked rarely. So a search opens what is sealed, row by row in the order of the
primary keys (20 us a row: 40,000 receipts in 0.9 s).
Erasing is `erasing.py`.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace

from fluxiq.domain.data_map import Form
from fluxiq.domain.data_map_tables import mapped
from fluxiq.domain.privacy import Because, Erasure, Mention, Walk
from fluxiq.errors import SealBroken
from fluxiq.ports.privacy import Limits, People
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import erasing
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.sealed import SEALED, Column, House

BITE: Final = 64  # rows opened in one go: a millisecond
UNREADABLE: Final = "cannot be read"
_WHO: Final = ("merchants", "users")  # tables of those that a person may be
_SECRETS: Final = frozenset({"secret", "previous_secret", "totp_secret", "totp_pending"})
_PUNCTUATION: Final = str.maketrans("", "", ".-/")


class Searched(Struct, frozen=True, kw_only=True):
    """A table that is searched. `at` is the time of a row; `owner` SQL for the merchant whose it
    is, where no column says it.
    """

    table: str
    key: tuple[tuple[str, str], ...] = (("id", "text"),)
    at: str = "created_at"
    owner: str = ""

    @property
    def sealed(self) -> tuple[Column, ...]:
        return _SEALED_IN[self.table]


_OF_ACCOUNT: Final = "(SELECT merchant_id FROM accounts WHERE accounts.id = account_id)"
_NUMBERED: Final = (("id", "bigint"),)

# Who the person is comes first: the rest is found by that as well.
SEARCHED: Final = (
    Searched(table="merchants"),
    Searched(table="users"),
    Searched(table="accounts"),
    Searched(table="pix_keys", key=(("key_index", "bytea"),), owner=_OF_ACCOUNT),
    Searched(table="api_keys"),
    Searched(table="sessions", at="last_used_at"),
    Searched(table="webhook_endpoints"),
    Searched(table="charges"),
    Searched(table="receipts", at="received_at"),
    Searched(table="payouts", at="updated_at"),
    Searched(table="refunds", at="updated_at"),
    Searched(table="transfers", at="updated_at"),
    Searched(table="med_reports", at="updated_at"),
    Searched(table="infractions", at="updated_at"),
    Searched(table="contests", at="updated_at"),
    Searched(table="inbox", at="received_at"),
    Searched(table="events"),
    Searched(table="idempotency_keys", key=(("merchant_id", "text"), ("key", "text"))),
    Searched(table="outbox", key=_NUMBERED, at="next_attempt_at"),
    Searched(table="dead_letters", key=_NUMBERED, at="died_at"),
    Searched(table="payout_batches", at="updated_at"),
    Searched(
        table="agreed_fees",
        key=(("merchant_id", "text"), ("version", "integer")),
        at="valid_from",
    ),
    Searched(table="settlement_schedules", key=(("merchant_id", "text"),), at="updated_at"),
    Searched(
        table="payout_batch_lines",
        key=(("batch_id", "text"), ("number", "integer")),
        owner="(SELECT merchant_id FROM payout_batches WHERE payout_batches.id = batch_id)",
    ),
)
_BY_NAME: Final = {one.table: one for one in SEARCHED}
_SEALED_IN: Final = {
    table: tuple(one for one in SEALED if one.table == table) for table in _BY_NAME
}

# What follows on a payment in which somebody is: (of which table, by which of its columns, which
# table, its column of the same).
_FOLLOWING: Final = (
    ("receipts", "end_to_end_id", "refunds", "end_to_end_id"),
    ("receipts", "end_to_end_id", "med_reports", "end_to_end_id"),
    ("payouts", "end_to_end_id", "infractions", "end_to_end_id"),
    ("payouts", "end_to_end_id", "contests", "end_to_end_id"),
)


class PostgresPeople(People):
    """The people in the records of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def search(
        self, document: str, walk: Walk, limit: int
    ) -> tuple[list[Mention], Walk | None]:
        searched, size = SEARCHED[walk.table], min(limit, BITE)
        found: list[Mention] = []
        for _ in range(0, limit, size):
            rows = await self._postgres.run(_page, searched, walk.after, size)
            page = list(self._mentions(document, walk, searched, rows))
            found += page + await self._following(document, page)
            walk = _known(walk, page)
            if len(rows) < size:
                is_last = walk.table + 1 == len(SEARCHED)
                return found, None if is_last else replace(walk, table=walk.table + 1, after=None)
            walk = replace(walk, after=_key_of(searched, rows[-1]))
            await trio.lowlevel.checkpoint()
        return found, walk

    async def begin(self, erasure: Erasure) -> Erasure:
        return await self._postgres.transaction(erasing.begin, self._house, erasure)

    async def find_erasure(self, erasure_id: str) -> Erasure | None:
        return await self._postgres.run(erasing.find, self._house, erasure_id)

    async def last_erasure(self, document: str) -> Erasure | None:
        return await self._postgres.run(erasing.last_of, self._house, document)

    async def erase(
        self,
        erasure: Erasure,
        mentions: Sequence[Mention],
        walk: Walk | None,
        limits: Limits,
        now: datetime,
    ) -> Erasure:
        unit = partial(erasing.erase, mentions=mentions, walk=walk, limits=limits, now=now)
        return await self._postgres.transaction(unit, self._house, erasure)

    def _mentions(
        self, document: str, walk: Walk, searched: Searched, rows: Sequence[Mapping[str, Any]]
    ) -> Iterator[Mention]:
        for row in rows:
            opened = _opened(self._house, searched, row)
            columns = tuple(name for name, said in opened.items() if says(said, document))
            because = _because(walk, searched.table, row, columns)
            if because is not None:
                yield _mention(searched, row, opened, because, columns)

    async def _following(self, document: str, page: Sequence[Mention]) -> list[Mention]:
        found = []
        for origin, by, table, column in _FOLLOWING:
            asked = [
                one.record[by]
                for one in page
                if one.table == origin and one.because is Because.DOCUMENT
            ]
            rows = await self._postgres.run(_same, _BY_NAME[table], column, asked) if asked else []
            for row in rows:
                opened = _opened(self._house, _BY_NAME[table], row)
                if not any(says(said, document) for said in opened.values()):
                    # Who is in it is found with its own table.
                    found.append(_mention(_BY_NAME[table], row, opened, Because.PAYMENT, ()))
        return found


def _known(walk: Walk, page: Sequence[Mention]) -> Walk:
    """With the merchants and users that the person turned out to be."""
    found = {table: tuple(one.key[0] for one in page if one.table == table) for table in _WHO}
    return replace(
        walk, merchants=walk.merchants + found["merchants"], users=walk.users + found["users"]
    )


def _because(
    walk: Walk, table: str, row: Mapping[str, Any], columns: Sequence[str]
) -> Because | None:
    if columns:
        return Because.DOCUMENT
    owner = row.get("owner") or row.get("merchant_id")
    if owner is not None and owner in walk.merchants:
        # Colleagues of a person are other people.
        return None if table in _WHO else Because.MERCHANT
    return Because.USER if row.get("user_id") in walk.users else None


def _opened(house: House, searched: Searched, row: Mapping[str, Any]) -> dict[str, str]:
    """The sealed values of a row as texts, each by the place that it is sealed to."""
    opened = {}
    for number, column in enumerate(searched.sealed):
        sealed = row[column.name]
        if sealed is None or not row[f"is_{number}"]:
            continue
        try:
            plain = house.sealer.open(sealed, column.place(row[f"place_{number}"]))
        except SealBroken:
            opened[column.name] = UNREADABLE  # the alarm has gone off
        else:
            opened[column.name] = plain.decode(errors="replace")
    return opened


def says(text: str, document: str) -> bool:
    """Whether a document is in a text, with its punctuation or without. The same digits inside a
    longer number are another's: what is found may be erased.
    """
    found = _whole(document)
    return found(text) is not None or found(text.upper().translate(_PUNCTUATION)) is not None


@lru_cache(maxsize=16)
def _whole(document: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(rf"(?<![0-9A-Z]){document}(?![0-9A-Z])").search


def _mention(
    searched: Searched,
    row: Mapping[str, Any],
    opened: Mapping[str, str],
    because: Because,
    columns: tuple[str, ...],
) -> Mention:
    hashed = {
        one.column for one in mapped(searched.table).direct if one.form is Form.HASHED
    } | _SECRETS
    shown = [one for one in mapped(searched.table).columns() if one not in hashed]
    record = {name: _plain(opened[name] if name in opened else row[name]) for name in shown}
    return Mention(
        table=searched.table,
        key=_key_of(searched, row),
        because=because,
        columns=columns,
        at=row[searched.at] or datetime.min.replace(tzinfo=UTC),
        record=record,
    )


def _plain(value: Any) -> Any:
    """As plain data: sealed records were JSON."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return msgspec.to_builtins(value, enc_hook=str)


async def _page(
    connection: Connection, searched: Searched, after: tuple[str, ...] | None, limit: int
) -> list[dict[str, Any]]:
    names = ", ".join(name for name, _ in searched.key)
    given = ", ".join(f"${place}::text::{kind}" for place, (_, kind) in enumerate(searched.key, 2))
    beyond = "" if after is None else f"WHERE ({names}) > ({given})"
    query = f"{_selected(searched)} {beyond} ORDER BY {names} LIMIT $1"
    return [dict(row) for row in await connection.fetch(query, limit, *(after or ()))]


async def _same(
    connection: Connection, searched: Searched, column: str, values: Sequence[str]
) -> list[dict[str, Any]]:
    query = f"{_selected(searched)} WHERE {column} = ANY ($1::text[])"
    return [dict(row) for row in await connection.fetch(query, values)]


def _selected(searched: Searched) -> str:
    """Rows with their keys as texts, and how each sealed column is sealed in them."""
    parts = [f"{searched.table}.*"]
    parts += [f"{name}::text AS key_{place}" for place, (name, _) in enumerate(searched.key)]
    for number, column in enumerate(searched.sealed):
        parts += [f"{column.row} AS place_{number}", f"({column.where}) AS is_{number}"]
    if searched.owner:
        parts.append(f"{searched.owner} AS owner")
    return f"SELECT {', '.join(parts)} FROM {searched.table}"  # noqa: S608 - constants


def _key_of(searched: Searched, row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(row[f"key_{place}"] for place in range(len(searched.key)))
