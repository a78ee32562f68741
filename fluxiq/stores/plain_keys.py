"""PIX keys from before the seals: sealed when their institution starts. They are found by a blind
index, which only the institution can make (migration 0018_sealed).
"""

from typing import Final

from fluxiq.domain.envelope import PLAIN
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns
from fluxiq.stores.sealed import PIX_KEY, House, key_index

PAGE: Final = 500

_PLAIN: Final = """
SELECT key_index, key FROM pix_keys
WHERE substring(key FROM 1 FOR 1) = $1 AND (SELECT plain_allowed FROM sealing_state)
LIMIT $2
"""

_SEAL: Final = """
UPDATE pix_keys AS old SET key_index = fresh.after, key = fresh.key
FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS fresh (before, after, key)
WHERE old.key_index = fresh.before
"""


async def seal_plain_keys(postgres: Postgres, house: House) -> None:
    """Twice is once."""
    while await postgres.transaction(_seal_page, house):
        pass


async def _seal_page(connection: Connection, house: House) -> bool:
    """Whether there may be more."""
    rows = await connection.fetch(_PLAIN, PLAIN, PAGE)
    sealed = []
    for row in rows:
        key = house.open_text(row["key"], PIX_KEY, row["key_index"].hex())
        index = key_index(house, key)
        sealed.append((row["key_index"], index, house.seal_text(key, PIX_KEY, index.hex())))
    await connection.execute(_SEAL, *columns(sealed, 3))
    return len(rows) == PAGE
