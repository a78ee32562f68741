"""What people may ask about their data: exported in pieces, erased once, and said what stays."""

from datetime import UTC, datetime, timedelta

import pytest

from fluxiq.domain.job import JobState
from fluxiq.domain.privacy import Because, Mention, Walk, staying
from fluxiq.errors import Refused, Unavailable
from fluxiq.services import privacy
from fluxiq.services.privacy import erase_person, export_person, go_on_erasing, show_erasure
from tests.support.memory_world import MemoryWorld

PERSON, OTHER = "52998224725", "11144477735"
PAID = datetime(2026, 3, 4, 12, tzinfo=UTC)


def mention(table: str, number: int, at: datetime = PAID) -> Mention:
    return Mention(
        table=table, key=(f"{number:04}",), because=Because.DOCUMENT, at=at, record={"n": number}
    )


@pytest.fixture
async def world() -> MemoryWorld:
    world = await MemoryWorld().open()
    world.people.records = {
        PERSON: [
            *(mention("charges", number) for number in range(300)),
            mention("receipts", 1),
            mention("receipts", 2, PAID + timedelta(days=300)),
            mention("idempotency_keys", 1),
        ],
        OTHER: [mention("charges", 1)],
    }
    return world


async def test_an_export_comes_in_pieces_and_only_the_first_is_noted(
    world: MemoryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "ROWS_EXPORTED", 100)
    found, walk = await export_person(world.tenant, "529.982.247-25", "asked by letter")
    while walk is not None:
        piece, walk = await export_person(world.tenant, PERSON, "asked by letter", walk)
        found = [*found, *piece]
    assert len(found) == len(world.people.records[PERSON]) == 303


async def test_what_may_go_goes_and_what_stays_is_said_with_its_reason_and_date(
    world: MemoryWorld,
) -> None:
    begun = await erase_person(world.tenant, "529.982.247-25", "asked by letter")
    ended = await go_on_erasing(world.tenant, begun.id)
    assert ended.erased == {"charges": 300}
    assert ended.person is None, "the paper forgets whom it was about"
    [keys, receipts] = staying(ended)
    assert (receipts.table, receipts.count) == ("receipts", 2)
    assert "9.613" in receipts.why
    assert receipts.until == datetime(2037, 1, 1, tzinfo=UTC), "of the newest one"
    assert (keys.table, keys.until) == ("idempotency_keys", None)
    assert "idempotency_keys_days" in keys.why

    found, walk = await export_person(world.tenant, PERSON, "what is left")
    assert walk is None
    assert sum(stay.count for stay in ended.stays.values()) == len(found) == 3
    assert len(world.people.records[OTHER]) == 1


async def test_asked_for_twice_it_is_done_once(world: MemoryWorld) -> None:
    first = await erase_person(world.tenant, PERSON, "asked by letter")
    second = await erase_person(world.tenant, PERSON, "asked again")
    assert second == first
    jobs = [one for one in world.jobs.rows.values() if one.kind == "privacy.erase"]
    assert [one.state for one in jobs] == [JobState.AVAILABLE]
    assert PERSON not in str(jobs)

    ended = await go_on_erasing(world.tenant, first.id)
    assert await go_on_erasing(world.tenant, first.id) == ended
    assert await show_erasure(world.tenant, PERSON) == ended


async def test_one_that_dies_in_the_middle_goes_on_where_it_was(world: MemoryWorld) -> None:
    begun = await erase_person(world.tenant, PERSON, "asked by letter")
    search, searched = world.people.search, list[Walk]()

    async def dies(document: str, walk: Walk, limit: int) -> object:
        searched.append(walk)
        if len(searched) == 2:
            raise Unavailable("postgres", "away")
        return await search(document, walk, limit)

    world.people.search = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Unavailable):
        await go_on_erasing(world.tenant, begun.id)
    ended = await go_on_erasing(world.tenant, begun.id)
    assert searched[1] == searched[2] != Walk()
    assert ended.erased == {"charges": 300}
    assert ended.stays["receipts"].count == 2


async def test_who_is_nobody_and_what_was_never_asked_for_is_refused(world: MemoryWorld) -> None:
    with pytest.raises(Refused, match="not a valid CPF"):
        await export_person(world.tenant, "52998224726", "")
    with pytest.raises(Refused, match="not a valid CPF"):
        await erase_person(world.tenant, "x", "")
    with pytest.raises(Refused, match="nobody has asked") as refused:
        await show_erasure(world.tenant, OTHER)
    assert refused.value.code == "erasure_not_found"
    with pytest.raises(Refused, match="no erasure era_"):
        await go_on_erasing(world.tenant, "era_none")
