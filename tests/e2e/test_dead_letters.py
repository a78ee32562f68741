"""A message that no code understands, in a running platform: it stalls nobody and dies.

An operator reads it, has it tried again, or throws it away.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.commands.merchant import Merchant
from fluxiq.sealing import Keyring
from fluxiq.stores.pool import Connection, Postgres
from tests.support.commands import Finished, fluxiq
from tests.support.garbled_notices import GarbledNotices, payment_to
from tests.support.house import show_a_payment
from tests.support.merchants import eventually
from tests.support.platform import PlatformProcess
from tests.support.seals import keyring_of
from tests.support.verdict import open_books

ISPB = "12345678"
DEATH_SECONDS_MAX = 120.0  # after 1, 2, 4 and 8 seconds it is tried again


class Scene:
    """An institution with a notice on paper whose message is garbage."""

    def __init__(
        self, platform: PlatformProcess, records: Postgres, keyring: Keyring, partition: int
    ) -> None:
        self.platform, self.records = platform, records
        self.notices = GarbledNotices(records, keyring)
        self.subject = f"FLUXIQ.{ISPB}.pix.in.{partition}"
        self.entry = payment_to(platform.logins[ISPB].pix_key)

    async def value(self, query: str, *arguments: Any) -> Any:
        async def ask(connection: Connection) -> Any:
            return await connection.fetchval(query, *arguments)

        return await self.records.run(ask)

    async def letter(self) -> int | None:
        """Once it is dead."""
        found: int | None = await self.value(
            "SELECT id FROM dead_letters WHERE work = $1 AND state = 'dead'", self.entry.id
        )
        return found

    async def death(self) -> int:
        """Until it is dead, payments go by."""
        platform = self.platform
        async with Merchant.open(platform.addresses.api, platform.logins[ISPB]) as merchant:

            async def is_dead() -> bool:
                await show_a_payment(merchant, str(platform.addresses.simulator))
                return await self.letter() is not None

            await eventually(is_dead, DEATH_SECONDS_MAX, pause=0.5)
        letter = await self.letter()
        assert letter is not None
        return letter

    def order(self, verb: str, *words: str) -> Finished:
        where = ("--institution", ISPB)
        return fluxiq("dead-letters", verb, *words, *where, data_dir=self.platform.data_dir)


@pytest.fixture(params=[0, 1], ids=["partition_0", "partition_1"])
async def scene(
    request: pytest.FixtureRequest, running_platform: PlatformProcess, asyncio_host: AsyncioHost
) -> AsyncIterator[Scene]:
    async with open_books(asyncio_host, running_platform.data_dir, ISPB) as records:
        keyring = await keyring_of(records, ISPB, running_platform.data_dir)
        scene = Scene(running_platform, records, keyring, request.param)
        await scene.notices.arrive(scene.entry, scene.subject)
        yield scene


async def test_garbage_stalls_nobody_dies_and_is_read_replayed_or_discarded(scene: Scene) -> None:
    letter = str(await scene.death())

    listed = json.loads(scene.order("list", "--json").stdout)
    [brief] = [one for one in listed if one["work"] == scene.entry.id]
    assert (brief["id"], brief["subject"]) == (int(letter), scene.subject)
    shown = scene.order("show", letter).stdout
    assert "not a notice" in shown
    assert "failures: 5" in shown
    assert "DecodeError" in shown

    needs_yes = scene.order("replay", letter)
    assert (needs_yes.status, "yes" in needs_yes.stderr) == (1, True)
    if scene.subject.endswith("0"):
        await _is_replayed(scene, letter)
    else:
        await _is_discarded(scene, letter)

    decided = scene.order("discard", letter, "--yes")
    assert decided.status == 1
    assert "before" in decided.stderr


async def _is_replayed(scene: Scene, letter: str) -> None:
    """With its bug put right it is done, once."""
    await scene.notices.repair(scene.entry.id)
    done = scene.order("replay", letter, "--reason", "put right", "--yes")
    assert (done.status, done.stdout) == (0, f"replayed: {letter}\n")

    receipts = "SELECT count(*) FROM receipts WHERE end_to_end_id = $1"

    async def is_credited() -> bool:
        return bool(await scene.value(receipts, scene.entry.notice.end_to_end_id))

    await eventually(is_credited)
    assert await scene.value("SELECT done_at FROM inbox WHERE id = $1", scene.entry.id)
    assert await _notes(scene) == ["dead_letter.died", "dead_letter.replayed"]


async def _is_discarded(scene: Scene, letter: str) -> None:
    done = scene.order("discard", letter, "--reason", "a test of the provider's", "--yes")
    assert done.status == 0, done.stderr
    assert "state: discarded" in done.stdout
    assert await scene.value("SELECT done_at FROM inbox WHERE id = $1", scene.entry.id)
    assert await scene.value("SELECT count(*) FROM outbox WHERE work = $1", scene.entry.id) == 0
    assert await _notes(scene) == ["dead_letter.died", "dead_letter.discarded"]


async def _notes(scene: Scene) -> list[str]:
    query = "SELECT array_agg(action ORDER BY id) FROM audit_trail WHERE subject = $1"
    found: list[str] = await scene.value(f"{query} AND action LIKE 'dead_letter%'", scene.entry.id)
    return found


async def test_every_hold_has_somebody_at_work_on_it(running_platform: PlatformProcess) -> None:
    done = fluxiq(
        "dead-letters", "holds", "--institution", ISPB, data_dir=running_platform.data_dir
    )
    assert (done.status, done.stdout) == (0, "every hold has somebody at work on it\n")
