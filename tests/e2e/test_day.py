"""A day in the life: payments over five institutions, every server killed, the platform too.

A thousand payments in the suite. By hand, ten thousand, and any seed:

    DAY_PAYMENTS=10000 DAY_SEED=7 .venv/bin/python -m pytest tests/e2e/test_day.py -s
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.stores.pool import Connection
from tests.support.aftermath import CALM_SECONDS_MAX, aftermath
from tests.support.commands import fluxiq
from tests.support.day import FAULTS, ISPBS, Day, five_institutions
from tests.support.house import House, open_house
from tests.support.verdict import open_books

PAYMENTS = int(os.environ.get("DAY_PAYMENTS", "1000"))
SEED = int(os.environ.get("DAY_SEED", "1"))
# A delivery that met two faults is tried again after five minutes: rare, and only on a long day.
LONG = PAYMENTS > 1000
CALM_SECONDS = 420.0 if LONG else CALM_SECONDS_MAX

pytestmark = [pytest.mark.embedded, pytest.mark.timeout(480 + PAYMENTS // 4)]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    return {"FLUXIQ_CONFIG_DIR": str(five_institutions(tmp_path / "config"))}


@pytest.fixture
def house(settings: dict[str, str]) -> Iterator[House]:
    with open_house(settings, merchants=len(ISPBS)) as house:
        yield house


async def test_every_payment_of_a_day_ends_once_and_every_event_is_told(
    house: House, settings: dict[str, str], asyncio_host: AsyncioHost
) -> None:
    began, since, day = time.monotonic(), datetime.now(UTC), Day(house, PAYMENTS, SEED)
    await day.live()
    lived = time.monotonic()

    assert day.done == PAYMENTS
    assert {name for _, name in day.struck} == set(FAULTS)
    await aftermath(house, asyncio_host, day.storm, CALM_SECONDS)
    calm = time.monotonic()

    await _until_all_is_told(house, asyncio_host, since)
    assert house.sink.refused == 0
    assert house.platform.stop() == 0
    verified = fluxiq("verify", data_dir=house.platform.data_dir, environ=settings)
    assert verified.status == 0, verified.stdout
    over = "payouts under way 0, refunds under way 0, notices unread 0: the books balance"
    assert verified.stdout.count(over) == 5
    _tell(day, lived - began, calm - lived)


async def _until_all_is_told(house: House, host: AsyncioHost, since: datetime) -> None:
    """Every event from `since` on, and none that never was. The verdict made a last payment at each
    institution, to see that the windows are open: they may be on their way.
    """
    deadline = trio.current_time() + CALM_SECONDS
    while True:
        events = await _events(house, host)
        told = set(house.sink.told)
        untold = {one for one, at in events.items() if at >= since} - told
        assert told <= events.keys(), "somebody was told what never happened"
        if not untold:
            return
        assert trio.current_time() < deadline, f"{len(untold)} untold: {sorted(untold)[:5]}"
        await trio.sleep(0.2)


async def _events(house: House, host: AsyncioHost) -> dict[str, datetime]:
    """The events that merchants asked for, in all institutions, and when they happened."""

    async def asked_for(connection: Connection) -> dict[str, datetime]:
        rows = await connection.fetch("SELECT id, created_at FROM events WHERE type LIKE 'pix.%'")
        return {row["id"]: row["created_at"] for row in rows}

    found: dict[str, datetime] = {}
    for ispb in ISPBS:
        async with open_books(host, house.platform.data_dir, ispb) as postgres:
            found |= await postgres.run(asked_for)
    return found


def _tell(day: Day, lived_seconds: float, calm_seconds: float) -> None:
    """For whoever runs it by hand."""
    told = day.house.sink.statistics()
    why = Counter(one.partition(":")[2].strip()[:60] for one in day.storm.unclear)
    sys.stdout.write(
        f"\n{day.done} payments in {lived_seconds:.1f} s ({day.done / lived_seconds:.0f}/s), calm"
        f" after {calm_seconds:.1f} s; {told.events} events told, {told.repeated} of them more than"
        f" once; faults {day.struck}; asked again {why.most_common(6)}\n"
    )
