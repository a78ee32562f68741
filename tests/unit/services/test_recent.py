"""The short memory in front of the store."""

import pytest

from fluxiq.errors import Unavailable
from fluxiq.services.recent import Recent


class Shelf:
    """A store of one value per key that counts its visitors."""

    def __init__(self, **values: int) -> None:
        self.values = values
        self.visits: list[str] = []
        self.now = 0.0

    def recent(self, size_max: int = 4096) -> Recent[int]:
        return Recent(1.0, lambda: self.now, size_max)

    async def ask(self, recent: Recent[int], key: str) -> int | None:
        async def find() -> int | None:
            self.visits.append(key)
            return self.values.get(key)

        return await recent.get(key, find)


async def test_what_was_found_is_remembered_for_its_time_and_then_looked_up_again() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()

    assert await shelf.ask(recent, "a") == 1
    shelf.values["a"] = 2
    shelf.now = 0.999
    assert await shelf.ask(recent, "a") == 1
    shelf.now = 1.0
    assert await shelf.ask(recent, "a") == 2


async def test_what_was_not_found_is_looked_up_every_time() -> None:
    shelf = Shelf()
    recent = shelf.recent()

    assert await shelf.ask(recent, "a") is None
    shelf.values["a"] = 1
    assert await shelf.ask(recent, "a") == 1


async def test_what_disappeared_is_forgotten_after_its_time() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()
    await shelf.ask(recent, "a")
    del shelf.values["a"]
    shelf.now = 1.0

    assert await shelf.ask(recent, "a") is None


async def test_the_oldest_makes_room_for_the_newest() -> None:
    shelf = Shelf(a=1, b=2, c=3)
    recent = shelf.recent(size_max=2)
    for key in "abc":
        await shelf.ask(recent, key)
    shelf.visits.clear()

    for key in "cba":
        await shelf.ask(recent, key)

    assert shelf.visits == ["a"]


async def test_a_look_up_that_fails_is_not_remembered() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()

    async def away() -> int | None:
        raise Unavailable("postgres", "is restarting")

    with pytest.raises(Unavailable):
        await recent.get("a", away)
    assert await shelf.ask(recent, "a") == 1


async def test_what_is_forgotten_is_asked_again() -> None:
    shelf = Shelf(a=1)
    recent = shelf.recent()
    await shelf.ask(recent, "a")
    recent.forget("a")
    recent.forget("b")
    await shelf.ask(recent, "a")
    assert shelf.visits == ["a", "a"]
