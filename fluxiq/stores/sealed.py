"""Rows whose people and secrets are sealed: what goes in is sealed to its place, what comes out of
another place does not open (`ports.sealing`, docs/encryption.md).

`SEALED` lists every such column. Rotations go by it, and a test compares it with the tables.
"""

from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from fluxiq.ports.sealing import Place, Sealer

T = TypeVar("T")


class House(Struct, frozen=True):
    """The institution that a store's rows belong to, and its seals."""

    ispb: str
    sealer: Sealer

    def seal(self, plain: bytes, column: "Column", row: str) -> bytes:
        return self.sealer.seal(plain, Place(column.table, column.name, row))

    def seal_text(self, plain: str, column: "Column", row: str) -> bytes:
        return self.sealer.seal(plain.encode(), Place(column.table, column.name, row))

    def seal_json(self, value: Any, column: "Column", row: str) -> bytes:
        """A record as JSON."""
        plain = msgspec.json.encode(value)
        return self.sealer.seal(plain, Place(column.table, column.name, row))

    # What does not open raises errors.SealBroken.

    def open(self, sealed: bytes, column: "Column", row: str) -> bytes:
        return self.sealer.open(sealed, Place(column.table, column.name, row))

    def open_text(self, sealed: bytes, column: "Column", row: str) -> str:
        return self.sealer.open(sealed, Place(column.table, column.name, row)).decode()

    def open_json(self, sealed: bytes, column: "Column", row: str) -> Any:
        """What was sealed by `seal_json`, as plain data: `record` makes it a record."""
        return msgspec.json.decode(self.sealer.open(sealed, Place(column.table, column.name, row)))


class Column(Struct, frozen=True):
    """A sealed column, of the rows that meet `where`. `row` is SQL for the text that names a row in
    its seal: its primary key, unless something says why not. `key` is that primary key, with types.
    """

    table: str
    name: str
    row: str = "id"
    key: tuple[tuple[str, str], ...] = (("id", "text"),)
    where: str = "true"
    sealed_as: tuple[str, str] | None = None  # where it came from: table and column
    moves: bool = False  # as it is: `ports.sealing_keys.SealedRows.moving`

    @property
    def what(self) -> str:
        came_from = self.sealed_as and f" ({'.'.join(self.sealed_as)})"
        return f"{self.table}.{self.name}{came_from or ''}"

    def place(self, row: str) -> Place:
        table, name = self.sealed_as or (self.table, self.name)
        return Place(table, name, row)


def key_index(house: House, key: str) -> bytes:
    """By which a PIX key, as the domain writes it, is found."""
    return house.sealer.index(key, "pix_key")


MERCHANT_NAME: Final = Column("merchants", "name")
MERCHANT_DOCUMENT: Final = Column("merchants", "document")
ACCOUNT_NAME: Final = Column("accounts", "name")  # mostly its owner's
PIX_KEY: Final = Column(
    "pix_keys", "key", "encode(key_index, 'hex')", key=(("key_index", "bytea"),)
)
CHARGE_PAYER: Final = Column("charges", "payer")
CHARGE_KEY: Final = Column("charges", "pix_key")
CHARGE_CODE: Final = Column("charges", "qr_code")  # the payee's name and key are in it
RECEIPT_PAYER: Final = Column("receipts", "payer")
RECIPIENT: Final = Column("payouts", "recipient")
INSTRUCTION: Final = Column(
    "payout_batch_lines",
    "instruction",
    "batch_id || '/' || number",
    key=(("batch_id", "text"), ("number", "integer")),
)
NOTICE: Final = Column("inbox", "notice")
MED_DETAILS: Final = Column("med_reports", "details")
INFRACTION_DETAILS: Final = Column("infractions", "details")
CONTEST_DETAILS: Final = Column("contests", "details")
EVENT_BODY: Final = Column("events", "body")
SECRET: Final = Column("webhook_endpoints", "secret")
PREVIOUS_SECRET: Final = Column("webhook_endpoints", "previous_secret")
RESPONSE: Final = Column(
    "idempotency_keys",
    "response",
    "merchant_id || '/' || key",
    key=(("merchant_id", "text"), ("key", "text")),
)
# The outbox carries events as they are kept, and entries of the visitors' book, which are sealed to
# the work that they announce: a row's id is not known before it is written. Orders are plain: ids
# only. A dead letter keeps the seal of the outbox row that it was, and will be when it is replayed.
_NUMBERED: Final = (("id", "bigint"),)
_OF_BOOK: Final = r"subject ~ '\.pix\.(in|outcome)\.'"
ANNOUNCED: Final = Column(
    "outbox",
    "body",
    "reference",
    key=_NUMBERED,
    where="work IS NULL",
    sealed_as=(EVENT_BODY.table, EVENT_BODY.name),
    moves=True,
)
ENTRY: Final = Column(
    "outbox", "body", "work", key=_NUMBERED, where=f"work IS NOT NULL AND {_OF_BOOK}", moves=True
)
LETTER: Final = Column(
    "dead_letters",
    "body",
    "work",
    key=_NUMBERED,
    where=_OF_BOOK,
    sealed_as=(ENTRY.table, ENTRY.name),
    moves=True,
)
ERASED_PERSON: Final = Column("erasures", "person")
# Of people who log in.
USERS: Final = tuple(
    Column("users", name) for name in ("document", "name", "totp_secret", "totp_pending")
)

SEALED: Final = (
    MERCHANT_NAME,
    MERCHANT_DOCUMENT,
    ACCOUNT_NAME,
    PIX_KEY,
    CHARGE_PAYER,
    CHARGE_KEY,
    CHARGE_CODE,
    RECEIPT_PAYER,
    RECIPIENT,
    INSTRUCTION,
    NOTICE,
    MED_DETAILS,
    INFRACTION_DETAILS,
    CONTEST_DETAILS,
    EVENT_BODY,
    SECRET,
    PREVIOUS_SECRET,
    RESPONSE,
    ANNOUNCED,
    ENTRY,
    LETTER,
    ERASED_PERSON,
    *USERS,
)
