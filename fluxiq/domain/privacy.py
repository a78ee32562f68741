"""Requests of people about their data (LGPD, art. 18): what is found of a person, and an erasure.

A person is a document. A search goes through the tables in their order, a page at a time; `Walk` is
all that it has to remember, so it may stop and go on anywhere.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from fluxiq.domain.audit_retention import kept_until
from fluxiq.domain.data_map_tables import mapped


class Because(StrEnum):
    """How a record is known to be about a person."""

    DOCUMENT = "document"  # it is in it
    MERCHANT = "merchant"  # it belongs to the merchant that the person is
    USER = "user"  # it belongs to the user that the person is
    PAYMENT = "payment"  # it follows on a payment in which the document is


class Mention(Struct, frozen=True, kw_only=True):
    """A record about a person. `columns` have the document in them; `at` is the record's own time;
    `record` is it as plain data, without secrets and hashes.
    """

    table: str
    key: tuple[str, ...]
    because: Because
    columns: tuple[str, ...] = ()
    at: datetime
    record: Mapping[str, Any]


class Walk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a search has come: `after` is the last key seen of the table with the number `table`.
    `merchants` and `users` are those that the person is: their tables come first.
    """

    table: int = 0
    after: tuple[str, ...] | None = None
    merchants: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


class Stay(Struct, frozen=True, kw_only=True):
    """How many records of a table stay, and the time of the newest one."""

    count: int
    newest: datetime


class Erasure(Struct, frozen=True, kw_only=True):
    """`person` is the document, `walk` how far it is, until it has ended: then both are None."""

    id: str  # era_…
    person: str | None
    walk: Walk | None
    asked_at: datetime
    reason: str
    erased: Mapping[str, int] = field(default_factory=dict)
    stays: Mapping[str, Stay] = field(default_factory=dict)
    ended_at: datetime | None = None


class Staying(Struct, frozen=True, kw_only=True):
    """Why the records of a table stay. `until` is None where no law says a date."""

    table: str
    count: int
    why: str
    until: datetime | None


def gone_on(
    erasure: Erasure,
    walk: Walk | None,
    erased: Sequence[Mention],
    stays: Sequence[Mention],
    now: datetime,
) -> Erasure:
    """The erasure after one more page; `walk` None: that was the last one."""
    counts, kept = dict(erasure.erased), dict(erasure.stays)
    for one in erased:
        counts[one.table] = counts.get(one.table, 0) + 1
    for one in stays:
        before = kept.get(one.table, Stay(count=0, newest=one.at))
        kept[one.table] = Stay(count=before.count + 1, newest=max(before.newest, one.at))
    ended = {"person": None, "ended_at": now} if walk is None else {}
    return replace(erasure, walk=walk, erased=counts, stays=kept, **ended)


def staying(erasure: Erasure) -> list[Staying]:
    """What stayed, table by table, with the reason in law and until when."""
    return [
        _staying(table, stay.count, stay.newest) for table, stay in sorted(erasure.stays.items())
    ]


def _staying(table: str, count: int, newest: datetime) -> Staying:
    kept = mapped(table).kept
    assert kept is not None, "only personal tables are searched"
    until = None if kept.retention is None else kept_until(newest, kept.retention)
    return Staying(table=table, count=count, why=kept.why, until=until)
