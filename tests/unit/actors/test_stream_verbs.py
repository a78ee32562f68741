"""What operators see of the bus: their own institution's part, and who operates it the whole."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec import convert

from actors.platform import Platform
from actors.queues import Queue, consumers_of
from actors.stream_verbs import stream_verbs
from fluxiq import settings as config
from fluxiq.bus import BusStatistics, ConsumerState, StreamState
from fluxiq.errors import Unavailable
from fluxiq.services.messages.operations.streams import BusStanding, StreamStandings
from fluxiq.services.tenant import Tenant
from tests.support.admin_desk import Opened, ask, open_desk

ISPB, OTHER = "12345678", "87654321"
SETTINGS = config.load({})
BUSY = f"{ISPB}_pix_out_0"


class Bus:
    """Two institutions' messages in the work queues; nobody reads the ledger's yet."""

    def __init__(self) -> None:
        self.away = False
        self.asked: list[str] = []

    async def stream_state(self, name: str, subjects: str = "") -> StreamState | None:
        if self.away:
            raise Unavailable("nats", "connection refused")
        if name == "FLUXIQ_AUDIT":
            return None
        kept = {f"FLUXIQ.{ISPB}.pix.out.0": 7, f"FLUXIQ.{ISPB}.live_data": 2}
        kept[f"FLUXIQ.{OTHER}.pix.out.0"] = 100
        mine = {one: n for one, n in kept.items() if one.startswith(subjects.rstrip(">") or "-")}
        return StreamState(
            name=name, messages=109, bytes=4096, bytes_max=None, first_sequence=1,
            last_sequence=400, last_at=None, consumers=9, by_subject=mine,
        )  # fmt: skip

    async def consumer_state(self, stream: str, durable: str) -> ConsumerState | None:
        self.asked.append(durable)
        if stream != "FLUXIQ":
            return None
        busy = durable == BUSY
        return ConsumerState(
            name=durable, subject="FLUXIQ.…", pending=5 if busy else 0, unsettled=2 if busy else 0,
            redelivered=1 if busy else 0, pulls=1, delivered_sequence=390, settled_sequence=380,
            last_delivered_at=None,
        )  # fmt: skip

    def statistics(self) -> BusStatistics:
        return BusStatistics(
            connected=True, connections=1, published=3, duplicates=0, fetched=2, settled=2,
            outages=0, last_error="",
        )  # fmt: skip


@pytest.fixture
def bus() -> Bus:
    return Bus()


def verbs_over(bus: Bus) -> Any:
    links = SimpleNamespace(bus=bus)

    def made(tenants: Opened) -> Any:
        platform = SimpleNamespace(
            tenants=tenants, settings=SETTINGS, links=SimpleNamespace(get=lambda: links)
        )
        return stream_verbs(cast("Platform", platform))

    return made


def tenant(ispb: str) -> Tenant:
    return cast("Tenant", SimpleNamespace(ispb=ispb))


async def test_an_institution_sees_its_messages_and_consumers_and_nobody_elses(
    bus: Bus, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, verbs_over(bus), tenant(ISPB), tenant(OTHER)) as at:
        answer = await ask(at, "streams", institution=ISPB)

    work = convert(answer, StreamStandings).streams[0]
    assert (work.name, work.subjects, work.messages) == ("FLUXIQ", f"FLUXIQ.{ISPB}.>", 9)
    assert (work.pending, work.unsettled, work.redelivered) == (5, 2, 1)
    expected = [name for name, _ in consumers_of(SETTINGS, ISPB)]
    assert [one.name for one in work.consumers] == expected
    assert len(expected) == len(Queue) * SETTINGS.pix.partitions
    assert all(name.startswith(ISPB) for name in bus.asked)
    # Numbers of the whole stream would tell of others' business.
    assert "sequence" not in str(answer)
    assert "109" not in str(answer)


async def test_what_is_not_there_yet_counts_as_nothing(bus: Bus, tmp_path: Path) -> None:
    async with open_desk(tmp_path, verbs_over(bus), tenant(ISPB)) as at:
        _, ledger, audit = (await ask(at, "streams"))["streams"]
    assert (ledger["name"], ledger["consumers"]) == ("FLUXIQ_LEDGER", [])
    assert (audit["name"], audit["messages"], audit["pending"]) == ("FLUXIQ_AUDIT", 0, 0)


async def test_the_whole_bus_has_what_all_fill_together(bus: Bus, tmp_path: Path) -> None:
    async with open_desk(tmp_path, verbs_over(bus), tenant(ISPB)) as at:
        seen = convert(await ask(at, "bus"), BusStanding)
    assert seen.link.connected
    assert [one.name for one in seen.streams] == ["FLUXIQ", "FLUXIQ_LEDGER"]
    assert (seen.streams[0].messages, seen.streams[0].last_sequence) == (109, 400)


async def test_without_the_bus_it_says_so(bus: Bus, tmp_path: Path) -> None:
    bus.away = True
    async with open_desk(tmp_path, verbs_over(bus), tenant(ISPB)) as at:
        assert (await ask(at, "streams"))["code"] == "unavailable"
        assert (await ask(at, "bus"))["code"] == "unavailable"
