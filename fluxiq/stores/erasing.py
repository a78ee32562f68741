"""What of a person's data goes, and the paper that says how far it is.

Each rule says for itself what may go, in the statement that lets it go: a charge that is being
paid, or an event that is owed to somebody, is not taken away from under anybody.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from fluxiq.domain.privacy import Because, Erasure, Mention, Walk, gone_on
from fluxiq.ports.privacy import Limits
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import ERASED_PERSON, USERS, House

INDEX: Final = "person"  # what the blind index of a person is of

# Charges that nobody paid: there was no operation, and nothing is owed any more.
_CHARGES: Final = """
UPDATE charges SET payer = NULL
WHERE id = ANY ($1::text[]) AND status IN ('expired', 'cancelled') AND payer IS NOT NULL
RETURNING id
"""

# Keys of accounts that are closed find nobody any more.
_PIX_KEYS: Final = """
DELETE FROM pix_keys USING accounts
WHERE key_index::text = ANY ($1::text[])
    AND accounts.id = account_id AND accounts.status = 'inactive'
RETURNING key_index::text AS id
"""

# Events of which every delivery was pruned, that no live update asks for again, older than both.
_EVENTS: Final = """
DELETE FROM events
WHERE id = ANY ($1::text[]) AND created_at < $2
    AND NOT EXISTS (SELECT FROM deliveries WHERE event_id = events.id)
    AND NOT EXISTS (SELECT FROM event_sequence WHERE event_id = events.id)
    AND NOT EXISTS (SELECT FROM outbox WHERE work IS NULL AND reference = events.id)
RETURNING id
"""

# Who was removed, and has not been logged in for as long as the trail says who did what. The row
# stays, with its id: lines of the trail may name it.
_USERS: Final = """
UPDATE users SET name = fresh.name, document = fresh.document, password_hash = '',
    totp_secret = NULL, totp_pending = NULL, totp_step = NULL, recovery_codes = '{}'
FROM unnest($1::text[], $3::bytea[], $4::bytea[]) AS fresh (id, name, document)
WHERE users.id = fresh.id AND status = 'removed' AND coalesce(last_login_at < $2, true)
RETURNING users.id
"""

_FIND: Final = "SELECT * FROM erasures WHERE id = $1"
_UNDER_WAY: Final = "SELECT * FROM erasures WHERE person_index = $1 AND ended_at IS NULL"
_LAST: Final = """
SELECT * FROM erasures WHERE person_index = $1 ORDER BY asked_at DESC, id DESC LIMIT 1
"""
_BEGIN: Final = """
INSERT INTO erasures (id, person_index, person, walk, erased, stays, reason, asked_at)
VALUES ($1, $2, $3, $4, '{}', '{}', $5, $6)
ON CONFLICT (person_index) WHERE ended_at IS NULL DO NOTHING
RETURNING id
"""
_NOTE: Final = """
UPDATE erasures SET
    walk = $2, erased = $3, stays = $4, ended_at = $5,
    person = CASE WHEN $5::timestamptz IS NULL THEN person END
WHERE id = $1
"""


async def begin(connection: Connection, house: House, erasure: Erasure) -> Erasure:
    assert erasure.person is not None, "an erasure begins with somebody"
    index = house.sealer.index(erasure.person, INDEX)
    begun = await connection.fetchval(
        _BEGIN,
        erasure.id,
        index,
        house.seal_text(erasure.person, ERASED_PERSON, erasure.id),
        msgspec.to_builtins(erasure.walk),
        erasure.reason,
        erasure.asked_at,
    )
    if begun is None:
        row = await connection.fetchrow(_UNDER_WAY, index)
        assert row is not None, "it was in the way, in this very transaction"
        return _erasure_of(house, row)

    line = _line("person.erasure_asked_for", erasure)
    await paperwork.file(connection, audit=[line])
    return erasure


async def find(connection: Connection, house: House, erasure_id: str) -> Erasure | None:
    row = await connection.fetchrow(_FIND, erasure_id)
    return None if row is None else _erasure_of(house, row)


async def last_of(connection: Connection, house: House, document: str) -> Erasure | None:
    row = await connection.fetchrow(_LAST, house.sealer.index(document, INDEX))
    return None if row is None else _erasure_of(house, row)


async def erase(
    connection: Connection,
    house: House,
    erasure: Erasure,
    *,
    mentions: Sequence[Mention],
    walk: Walk | None,
    limits: Limits,
    now: datetime,
) -> Erasure:
    row = await connection.fetchrow(f"{_FIND} FOR UPDATE", erasure.id)
    assert row is not None, "erasures stay"
    found = _erasure_of(house, row)
    if found.walk != erasure.walk:
        return found

    gone = await _erased(connection, house, mentions, limits)
    erased = [one for one in mentions if (one.table, one.key[0]) in gone]
    stays = [one for one in mentions if (one.table, one.key[0]) not in gone]
    after = gone_on(found, walk, erased, stays, now)
    await connection.execute(
        _NOTE,
        after.id,
        *map(msgspec.to_builtins, (after.walk, after.erased, after.stays)),
        after.ended_at,
    )
    if erased or after.ended_at is not None:
        action = "person.erased" if after.ended_at is None else "person.erasure_ended"
        await paperwork.file(connection, audit=[_line(action, after)])
    return after


async def _erased(
    connection: Connection, house: House, mentions: Sequence[Mention], limits: Limits
) -> set[tuple[str, str]]:
    """What went: tables and keys."""
    gone: set[tuple[str, str]] = set()
    for rule in RULES:
        ids = [one.key[0] for one in mentions if rule.takes(one)]
        if ids:
            rows = await connection.fetch(rule.statement, ids, *rule.more(house, ids, limits))
            gone |= {(rule.table, row["id"]) for row in rows}
    return gone


class Rule(Struct, frozen=True, kw_only=True):
    """What goes of a table: of mentions with the document in `column`; "": of any. `statement`
    takes keys as $1, and then what `more` gives.
    """

    table: str
    column: str
    statement: str
    more: Callable[[House, Sequence[str], Limits], tuple[Any, ...]] = lambda *_: ()

    def takes(self, mention: Mention) -> bool:
        if mention.table != self.table:
            return False
        return self.column in mention.columns or (
            self.column == "" and mention.because is not Because.PAYMENT
        )


def _nobody(house: House, ids: Sequence[str], limits: Limits) -> tuple[Any, ...]:
    """Sealed, as all names are: an empty one."""
    document, name, *_ = USERS
    sealed = [(house.seal_text("", name, one), house.seal_text("", document, one)) for one in ids]
    return limits.logins_before, *columns(sealed, 2)


RULES: Final = (
    Rule(table="charges", column="payer", statement=_CHARGES),
    Rule(table="pix_keys", column="", statement=_PIX_KEYS),
    Rule(
        table="events",
        column="body",
        statement=_EVENTS,
        more=lambda _house, _ids, limits: (limits.events_before,),
    ),
    Rule(table="users", column="document", statement=_USERS, more=_nobody),
)


def _erasure_of(house: House, row: Mapping[str, Any]) -> Erasure:
    values = dict(row)
    if values["person"] is not None:
        values["person"] = house.open_text(values["person"], ERASED_PERSON, values["id"])
    return msgspec.convert(values, Erasure)


def _line(action: str, erasure: Erasure) -> paperwork.AuditLine:
    """Of whom it is stands in no line: the erasure's id does."""
    told = msgspec.structs.replace(erasure, person=None)
    return paperwork.AuditLine("operator", action, erasure.id, digest_of(told), erasure.reason)
