"""One institution's writer under load, with its own Postgres and TigerBeetle: transfers, holds,
posts, voids and chains by the thousand, while one or two of the three are killed or stand still.

What its callers were told is then compared with TigerBeetle through TigerBeetle's own client.
"""

import os
import random
import secrets

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from tests.support.ledger_books import open_books
from tests.support.ledger_house import ENABLE
from tests.support.ledger_load import ACCOUNTS
from tests.support.ledger_scene import judge_book, open_scene
from tests.support.servers import tigerbeetle_binary

pytestmark = [pytest.mark.tigerbeetle, pytest.mark.timeout(180)]

SEED = int(os.environ.get("LEDGER_FAULTS_SEED") or secrets.randbelow(10**6))
LOAD_SECONDS = 15.0


@pytest.fixture
def binary() -> str:
    found = tigerbeetle_binary()
    if found is None:
        pytest.skip(ENABLE)
    return found


@pytest.mark.parametrize("number", range(2))
async def test_what_callers_were_told_is_what_tigerbeetle_has_whoever_dies(
    asyncio_host: AsyncioHost, binary: str, number: int
) -> None:
    print(f"LEDGER_FAULTS_SEED={SEED}")  # noqa: T201 - shown with a failure
    with open_scene(binary, random.Random(f"{SEED} {number}")) as scene:
        async with open_books(asyncio_host, scene.postgres.url()) as books:
            await books.accounts.create(ACCOUNTS)

        scene.begin(LOAD_SECONDS)
        await trio.sleep(2.0)
        while not scene.is_over:
            await scene.hurt_one_or_two()

        statuses = await scene.end()
        print(*scene.told, scene.log[-8000:], sep="\n")  # noqa: T201 - shown with a failure
        assert statuses == [0, 0]
        created, refused, wrong = judge_book(scene.book, scene.tigerbeetle.address)
        print(f"{created} transfers created, {refused} refused")  # noqa: T201
        assert wrong == [], "\n".join(wrong)
        assert created > 100
        assert refused > 10
