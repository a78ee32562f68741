"""Who owns a key: asked together, remembered, and counted against whoever tries out keys."""

import msgspec
import pytest
import trio

from fluxiq.domain.records import Recipient
from fluxiq.errors import Refused, Unavailable
from fluxiq.services import anti_scan
from fluxiq.services.dict_lookup import find_owners, show_key
from tests.support.memory_world import KEY, PAYER_ISPB, MemoryWorld

NOBODY = "nobody@example.com"


def keys(world: MemoryWorld, count: int) -> list[str]:
    """So many keys that have an owner."""
    made = [f"person{number}@example.com" for number in range(count)]
    world.provider.owners |= {
        key: Recipient(pix_key=key, pix_key_type="EMAIL", name=key, ispb=PAYER_ISPB) for key in made
    }
    return made


async def code_of(world: MemoryWorld, key: str, merchant: str = "mch_1") -> str:
    try:
        await show_key(world.tenant, merchant, key)
    except Refused as refused:
        return refused.code
    return "found"


async def test_owners_are_found_each_once_and_remembered(world: MemoryWorld) -> None:
    wanted = keys(world, 100)
    found = await find_owners(world.tenant, [*wanted, *wanted])
    again = await find_owners(world.tenant, wanted)

    assert found == again
    assert {key: one.name for key, one in again.items() if isinstance(one, Recipient)} == {
        key: key for key in wanted
    }
    assert sorted(world.provider.asked) == sorted(wanted)


async def test_only_so_many_are_asked_for_at_once(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = world.tenant.settings.directory.lookups_at_once
    now = most = 0

    async def slowly(key: str) -> Recipient | None:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await trio.lowlevel.checkpoint()
        now -= 1
        return world.provider.owners.get(key)

    monkeypatch.setattr(world.provider, "look_up", slowly)
    found = await find_owners(world.tenant, keys(world, 3 * limit))
    assert len(found) == 3 * limit
    assert most == limit


async def test_one_key_that_dict_does_not_answer_is_missing_alone(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_up(key: str) -> Recipient | None:
        await trio.lowlevel.checkpoint()
        if key == NOBODY:
            raise Unavailable("provider", "not now")
        return world.provider.owners.get(key)

    monkeypatch.setattr(world.provider, "look_up", look_up)
    found = await find_owners(world.tenant, [KEY, NOBODY, "x@example.com"])
    assert isinstance(found[KEY], Recipient)
    assert isinstance(found[NOBODY], Unavailable)
    assert found["x@example.com"] is None


async def test_without_the_cache_dict_is_asked_every_time(world: MemoryWorld) -> None:
    world.faults.away = {"cache"}
    for _ in range(2):
        await find_owners(world.tenant, [KEY])
    assert world.provider.asked == [KEY, KEY]


async def test_the_owners_document_is_masked(world: MemoryWorld) -> None:
    owner = world.provider.owners[KEY]
    world.provider.owners[KEY] = msgspec.structs.replace(owner, document="52998224725")
    view = await show_key(world.tenant, "mch_1", KEY)
    assert view.owner.document == "***.***.247-**"


async def test_an_answer_out_of_memory_costs_as_much(world: MemoryWorld) -> None:
    said = [await code_of(world, KEY) for _ in range(101)]
    assert said == ["found"] * 100 + ["rate_limited"]
    assert world.provider.asked == [KEY]


async def test_a_crowd_of_unknown_keys_at_once_pays_for_each(world: MemoryWorld) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(code_of, world, f"{number}{NOBODY}")
    world.cache.now_ms = 149 * 60_000  # 20 x 20 tokens, of which 100 were there: 300 to pay back
    assert await code_of(world, KEY) == "rate_limited"
    world.cache.now_ms = 151 * 60_000
    assert await code_of(world, KEY) == "found"


async def test_while_the_cache_is_away_this_process_counts(world: MemoryWorld) -> None:
    world.faults.away = {"cache"}
    assert [await code_of(world, NOBODY) for _ in range(6)] == [
        *["pix_key_not_found"] * 5,
        "rate_limited",
    ]
    assert world.faults.calls.count("cache.spend") == 1, "it is not asked again at once"

    world.faults.away = set()
    world.clock.pass_seconds(anti_scan.AWAY_SECONDS)
    assert await code_of(world, KEY) == "found"


async def test_local_buckets_are_bounded(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anti_scan, "MERCHANTS_MAX", 2)
    world.faults.away = {"cache"}
    for merchant in ("mch_1", "mch_2", "mch_3"):
        await world.tenant.anti_scan.spend(merchant, 100)
    spent = {
        merchant: (await world.tenant.anti_scan.spend(merchant, 1)).allowed
        for merchant in ("mch_3", "mch_1")
    }
    assert spent == {"mch_3": False, "mch_1": True}
