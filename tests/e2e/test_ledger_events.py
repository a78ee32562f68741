"""`FLUXIQ_LEDGER`, as an institution reads it: each transfer on its books, once."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from actors.queues import LEDGER_STREAM, ledger_consumer
from fluxiq.admin.client import ask
from fluxiq.asyncio_host import AsyncioHost
from fluxiq.bus import Bus
from fluxiq.stores.pool import Connection
from tests.support.merchants import (
    Inside,
    deliver_notice,
    eventually,
    fresh_end_to_end_id,
    open_caller,
    receipt_notice,
)
from tests.support.platform import PlatformProcess

pytestmark = pytest.mark.embedded

ISPB = "12345678"
RECEIPTS = 25


async def test_a_consumer_hears_of_each_transfer_once_whatever_the_publisher_sends_twice(
    running_platform: PlatformProcess, inside: Inside, asyncio_host: AsyncioHost
) -> None:
    login = running_platform.logins[ISPB]
    async with (
        open_caller(running_platform.addresses.api, login) as caller,
        inside.servers.open_postgres(asyncio_host, ISPB, size=1, seconds_max=10) as postgres,
        inside.servers.open_nats(asyncio_host, ISPB) as bus,
    ):
        before, _ = await caller.balance()
        for number in range(RECEIPTS):
            body = receipt_notice(fresh_end_to_end_id(), f"{number + 1}.00", login.pix_key)
            answer = await deliver_notice(caller.http, ISPB, inside.provider_secret(ISPB), body)
            assert answer.is_success, answer.text
            if number == RECEIPTS // 2:
                await _publisher_dies_before_it_notes(running_platform, postgres)

        async def is_credited() -> bool:
            return (await caller.balance())[0] == before + sum(range(1, RECEIPTS + 1)) * 1_00

        await eventually(is_credited)
        await _publisher_dies_before_it_notes(running_platform, postgres)

        async def is_told() -> bool:
            return bool(await postgres.run(_count, "NOT published") == 0)

        await eventually(is_told)
        heard = await _read_all(bus)
        on_the_books = Counter(await postgres.run(_places))

    assert heard == on_the_books
    assert set(heard.values()) == {1}
    assert len(heard) >= RECEIPTS


async def _publisher_dies_before_it_notes(platform: PlatformProcess, postgres: Any) -> None:
    """All that was told will be told again by the next one."""
    socket = Path(platform.addresses.admin_socket)
    path = f"root/institutions/{ISPB}/ledger_events"
    await ask(socket, "stop", name=path, reason="a test", yes=True)
    await postgres.run(_forget)
    await ask(socket, "restart", name=path, reason="a test", yes=True)


async def _read_all(bus: Bus) -> Counter[tuple[int, int, str]]:
    """With the institution's own user and durable consumer, until nothing comes any more."""
    heard: Counter[tuple[int, int, str]] = Counter()
    with trio.fail_after(30):
        while deliveries := await bus.fetch(ledger_consumer(ISPB), LEDGER_STREAM, 100, 1.0):
            for one in deliveries:
                message = msgspec.json.decode(one.body)
                assert (message["institution"], one.subject.split(".")[1]) == (ISPB, ISPB)
                heard.update(
                    (message["seq"], transfer["index"], transfer["id"])
                    for transfer in message["transfers"]
                )
            await bus.ack_many(deliveries)
    return heard


async def _places(connection: Connection) -> list[tuple[int, int, str]]:
    rows = await connection.fetch("SELECT journal_seq, place, id FROM ledger_transfers")
    return [(row["journal_seq"], row["place"], str(row["id"])) for row in rows]


async def _count(connection: Connection, condition: str) -> int:
    count: int = await connection.fetchval(f"SELECT count(*) FROM ledger_journal WHERE {condition}")
    return count


async def _forget(connection: Connection) -> None:
    """Of the last minute, as of one round: the stream knows what is twice for two minutes, and the
    platform of the session may have lived for longer.
    """
    await connection.execute(
        """
        UPDATE ledger_journal SET published = false
        WHERE published AND answered_at > now() - interval '1 minute'
        """
    )
