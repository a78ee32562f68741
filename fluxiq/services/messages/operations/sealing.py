"""The keys of the seals and the ages of records, as operators read them: docs/encryption.md."""

from datetime import datetime

from msgspec import Struct

from fluxiq.ports.sealing_keys import KeyPurpose
from fluxiq.ports.upkeep import RecordClass


class SealingKeyShown(Struct, frozen=True, kw_only=True):
    """A key of the seals, by its number: never the key itself. It may seal `messages_max` messages
    (0: it is not counted); an old one retires after `retires_after`.
    """

    id: int
    purpose: KeyPurpose
    current: bool
    wrapped_by: str
    messages: int
    messages_max: int
    created_at: datetime
    retires_after: datetime | None
    retired_at: datetime | None


class SealedColumn(Struct, frozen=True, kw_only=True):
    """How far a rotation is in a column: rows looked at, and those sealed anew."""

    name: str
    seen: int
    resealed: int
    done_at: datetime | None


class SealingStanding(Struct, frozen=True, kw_only=True):
    """`settled`: everything is sealed under the current key. `plain_allowed`: values of before the
    seals are still read.
    """

    institution: str
    wrapped_by: str
    settled: bool
    plain_allowed: bool
    keys: list[SealingKeyShown]
    columns_done: int
    columns: list[SealedColumn]


class AgedRecords(Struct, frozen=True, kw_only=True):
    """How many records of a class are older than the `days` they are kept; with `has_more`, at
    least so many.
    """

    records: RecordClass
    days: int
    count: int
    has_more: bool
