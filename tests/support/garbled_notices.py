"""A notice on paper whose message no code understands, until a new version of the program does.

Written as the institution itself would have, with its own credentials and seals.
"""

import math
from datetime import UTC, datetime
from typing import Final

import msgspec

from fluxiq.domain.records import InboxEntry, Notice, NoticeKind
from fluxiq.ports.sealing import Place
from fluxiq.sealing import Keyring
from fluxiq.stores.pool import Connection, Postgres
from tests.support.merchants import fresh_end_to_end_id

GARBAGE: Final = b"\x00 not a notice"
AMOUNT: Final = 7_77  # centavos

_IN_THE_BOOK: Final = (
    "INSERT INTO inbox (id, provider, event_id, notice, received_at) VALUES ($1, $2, $3, $4, $5)"
)
_ANNOUNCED: Final = (
    "INSERT INTO outbox (subject, reference, body, work, next_attempt_at)"
    " VALUES ($1, $2, $3, $2, now())"
)


def payment_to(pix_key: str) -> InboxEntry:
    """Money that somebody sent, as the simulator would tell of it."""
    end_to_end_id, now = fresh_end_to_end_id(), datetime.now(UTC)
    notice = Notice(
        event_id=end_to_end_id,
        kind=NoticeKind.RECEIVED,
        end_to_end_id=end_to_end_id,
        amount=AMOUNT,
        occurred_at=now,
        pix_key=pix_key,
    )
    return InboxEntry(
        id=f"evt_of_{end_to_end_id}", provider="simulator", notice=notice, received_at=now
    )


class GarbledNotices:
    """Of one institution."""

    def __init__(self, records: Postgres, keyring: Keyring) -> None:
        self._records = records
        self._keyring = keyring

    async def arrive(self, entry: InboxEntry, subject: str) -> None:
        """In the visitors' book as it is, and announced as garbage."""
        said = msgspec.json.encode(entry.notice)
        noted = self._seal(Place("inbox", "notice", entry.id), said)
        garbage = self._seal(_message(entry.id), GARBAGE)

        async def write(connection: Connection) -> None:
            told = (entry.id, entry.provider, entry.notice.event_id, noted, entry.received_at)
            await connection.execute(_IN_THE_BOOK, *told)
            await connection.execute(_ANNOUNCED, subject, entry.id, garbage)

        await self._records.transaction(write)

    async def repair(self, entry_id: str) -> None:
        """Its dead letter says from now on what the visitors' book does."""

        async def write(connection: Connection) -> None:
            row = await connection.fetchrow(
                "SELECT provider, notice, received_at FROM inbox WHERE id = $1", entry_id
            )
            assert row is not None, f"nothing came as {entry_id}"
            said = self._keyring.open(row["notice"], Place("inbox", "notice", entry_id))
            entry = InboxEntry(
                id=entry_id,
                provider=row["provider"],
                notice=msgspec.json.decode(said, type=Notice),
                received_at=row["received_at"],
            )
            body = self._seal(_message(entry_id), msgspec.json.encode(entry))
            repaired = await connection.fetchval(
                "UPDATE dead_letters SET body = $2 WHERE work = $1 RETURNING id", entry_id, body
            )
            assert repaired is not None, f"{entry_id} is not dead"

        await self._records.transaction(write)

    def _seal(self, place: Place, plain: bytes) -> bytes:
        self._keyring.vouch(math.inf)  # nobody rotates meanwhile
        return self._keyring.seal(plain, place)


def _message(entry_id: str) -> Place:
    return Place("outbox", "body", entry_id)
