"""What actors are made of: bells, slots, weather, open institutions, queues, time and chance."""

import random
import re
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from actors import weather as weather_module
from actors.branch import Branch
from actors.couriers import CourierBell
from actors.doorbell import Doorbell
from actors.platform import Platform
from actors.queues import Queue, consumers_of
from actors.slot import Slot
from actors.system import SystemClock, SystemIds
from actors.tenants import OpenTenants
from actors.weather import PAUSE_SECONDS, PAUSE_SECONDS_MAX, Weather
from fluxiq import settings as config
from fluxiq.domain.ulid import is_ulid
from fluxiq.errors import Refused, Unavailable
from fluxiq.services.tenant import Tenant

INSTITUTION = config.Institution(
    ispb="12345678",
    name="Banco",
    ledger=1,
    providers=(config.ProviderLink(name="simulator", kind="simulator"),),
)

# Doorbell


async def waits(bell: Doorbell, seconds: float = 60.0) -> float:
    began = trio.current_time()
    await bell.wait(seconds)
    return trio.current_time() - began


async def test_a_bell_rung_while_nobody_listens_is_heard_by_the_next_who_waits_and_once() -> None:
    bell = Doorbell()
    bell.ring()
    bell.ring(["twice"])

    assert await waits(bell) == 0
    assert await waits(bell) == 60


async def test_a_bell_wakes_who_waits() -> None:
    bell = Doorbell()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits, bell)
        await wait_all_tasks_blocked()
        bell.ring()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks


async def test_a_ring_for_somebody_who_was_stopped_while_waiting_is_kept_for_the_next() -> None:
    bell = Doorbell()
    with trio.CancelScope() as scope:
        scope.cancel()
        bell.ring()
        await bell.wait(60)

    assert await waits(bell) == 0


# Slot


def test_a_slot_is_full_while_its_owner_runs_and_says_who_is_starting_otherwise() -> None:
    slot: Slot[str] = Slot("institution")
    for _ in range(2):
        with pytest.raises(Unavailable, match="institution: is starting"):
            slot.get()
        with slot.filled("something"):
            assert slot.get() == "something"


def test_a_slot_is_emptied_when_its_owner_crashes() -> None:
    slot: Slot[int] = Slot("institution")
    with suppress(KeyError), slot.filled(0):
        assert slot.get() == 0
        raise KeyError

    with pytest.raises(Unavailable):
        slot.get()


# Weather


class Said:
    """A logger that remembers."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def warning(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields.get("system")))

    def info(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields.get("actor")))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    log = Said()
    monkeypatch.setattr(weather_module, "_log", log)
    return log


OUTAGE = Unavailable("postgres", "is restarting")


async def test_an_outage_is_said_once_and_so_is_its_end(said: Said) -> None:
    weather = Weather("root/worker")
    weather.cleared()
    for _ in range(2):
        for _ in range(5):
            await weather.ride_out(OUTAGE)
        weather.cleared()
        weather.cleared()

    began, ended = ("outage_began", "postgres"), ("outage_ended", "root/worker")
    assert said.events == [began, ended, began, ended]


async def test_pauses_double_up_to_their_limit_and_start_over_after_the_weather(
    said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    weather = Weather("root/worker")

    async def pause() -> float:
        began = trio.current_time()
        await weather.ride_out(OUTAGE)
        return (trio.current_time() - began) / 1.3

    pauses = [await pause() for _ in range(40)]
    weather.cleared()

    doubling = [PAUSE_SECONDS, 2 * PAUSE_SECONDS, 4 * PAUSE_SECONDS]
    assert pauses[:3] == pytest.approx(doubling)
    assert pauses[-1] == pytest.approx(PAUSE_SECONDS_MAX)
    assert max(pauses) <= PAUSE_SECONDS_MAX + 1e-6
    assert await pause() == pytest.approx(PAUSE_SECONDS)


# OpenTenants


def tenant(ispb: str) -> Tenant:
    return cast("Tenant", SimpleNamespace(ispb=ispb))


def test_an_institution_is_open_for_the_length_of_its_block() -> None:
    tenants, one = OpenTenants(["12345678"]), tenant("12345678")

    with tenants.open(one):
        assert tenants.get("12345678") is one
        assert tenants.all() == (one,)

    with pytest.raises(Unavailable, match="12345678 is restarting"):
        tenants.get("12345678")
    assert tenants.all() == ()


def test_an_institution_that_crashes_is_closed() -> None:
    tenants = OpenTenants(["12345678"])
    with suppress(KeyError), tenants.open(tenant("12345678")):
        raise KeyError

    assert tenants.all() == ()


def test_an_institution_that_nobody_declared_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        OpenTenants(["12345678"]).get("87654321")

    assert caught.value.code == "institution_not_found"


# The couriers' bell


def bell_of(branch: Branch) -> CourierBell:
    branch.courier_bells["whk_1"] = Doorbell()
    return CourierBell(branch)


async def test_a_courier_is_rung_by_its_name_and_nobody_else_wakes() -> None:
    branch = Branch(platform=cast("Platform", None), institution=INSTITUTION)
    bell = bell_of(branch)

    bell.ring(["whk_1"])

    assert await waits(branch.courier_bells["whk_1"]) == 0
    assert await waits(branch.endpoints_changed) == 60


async def test_a_courier_that_nobody_knows_yet_is_looked_up() -> None:
    branch = Branch(platform=cast("Platform", None), institution=INSTITUTION)
    bell = bell_of(branch)

    bell.ring(["whk_2"])

    assert await waits(branch.endpoints_changed) == 0
    assert await waits(branch.courier_bells["whk_1"]) == 60


# Queues


@pytest.mark.parametrize("partitions", [1, 3])
def test_every_queue_has_a_consumer_for_each_partition_and_none_reads_what_another_does(
    partitions: int,
) -> None:
    loaded = config.load({})
    pix = msgspec.structs.replace(loaded.pix, partitions=partitions)
    consumers = list(consumers_of(msgspec.structs.replace(loaded, pix=pix), "12345678"))

    names, subjects = zip(*consumers, strict=True)
    assert len(set(names)) == len(set(subjects)) == len(Queue) * partitions
    assert not any("." in name for name in names)
    assert all(subject.startswith("FLUXIQ.12345678.pix.") for subject in subjects)


# Time and chance


def test_the_clock_is_aware_and_in_utc() -> None:
    offset = SystemClock().now().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0


def test_ids_are_new_each_time_and_of_their_kind() -> None:
    ids = SystemIds()
    made = {ids.new("pay") for _ in range(100)}

    assert len(made) == 100
    assert all(one.startswith("pay_") and is_ulid(one[4:]) for one in made)
    assert re.fullmatch(r"[A-Za-z0-9]{11}", ids.letters(11))
    assert len({ids.letters(11) for _ in range(100)}) == len({ids.secret(16) for _ in range(100)})
    assert len(ids.secret(16)) == 16
