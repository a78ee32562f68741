"""What a journey in a browser cannot bring about, done on paper beside a running platform.

    python -m tests.support.mishaps DATA_DIR ISPB garble           a notice that no code understands
    python -m tests.support.mishaps DATA_DIR ISPB repair ENTRY     its dead letter makes sense again
    python -m tests.support.mishaps DATA_DIR ISPB age PAYOUT       made two hours ago

`garble` prints the entry of the visitors' book that the notice is.
"""

import sys
from pathlib import Path

import trio

from fluxiq.asyncio_host import open_asyncio_host
from fluxiq.commands.demo_data import read_logins
from fluxiq.stores.pool import Connection, Postgres
from tests.support.garbled_notices import GarbledNotices, payment_to
from tests.support.seals import keyring_of
from tests.support.verdict import open_books

_AGE = "UPDATE payouts SET created_at = created_at - interval '2 hours' WHERE id = $1 RETURNING id"


async def _main(data_dir: Path, ispb: str, mishap: str, *about: str) -> None:
    async with open_asyncio_host() as host, open_books(host, data_dir, ispb) as records:
        if mishap == "age":
            await _age(records, *about)
            return
        notices = GarbledNotices(records, await keyring_of(records, ispb, data_dir))
        if mishap == "repair":
            await notices.repair(*about)
            return
        assert mishap == "garble", f"there is no mishap {mishap!r}"
        [login] = [one for one in read_logins(data_dir) if one.ispb == ispb]
        entry = payment_to(login.pix_key)
        await notices.arrive(entry, f"FLUXIQ.{ispb}.pix.in.0")
        sys.stdout.write(f"{entry.id}\n")


async def _age(records: Postgres, payout_id: str) -> None:
    async def write(connection: Connection) -> None:
        assert await connection.fetchval(_AGE, payout_id), f"there is no {payout_id}"

    await records.transaction(write)


if __name__ == "__main__":
    folder, *what = sys.argv[1:]
    trio.run(_main, Path(folder), *what)
