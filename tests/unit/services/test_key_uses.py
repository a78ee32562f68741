"""When keys were used last: noted on each request, written now and then."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import trio

from fluxiq.errors import Unavailable
from fluxiq.services import key_uses
from fluxiq.services.key_uses import KeyUses

MINUTE = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Book:
    def __init__(self) -> None:
        self.writes: list[dict[str, datetime]] = []
        self.is_away = False

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        await trio.lowlevel.checkpoint()
        if self.is_away:
            raise Unavailable("postgres", "away")
        self.writes.append(dict(uses))


async def test_a_thousand_uses_of_a_minute_are_one_row() -> None:
    uses, book = KeyUses(), Book()
    for second in range(0, 60, 7):
        uses.note("key_1", MINUTE + timedelta(seconds=second))
        await uses.write(book)
    assert book.writes == [{"key_1": MINUTE}]


async def test_the_next_minute_is_written_and_the_same_minute_of_the_next_day_too() -> None:
    uses, book = KeyUses(), Book()
    for at in (MINUTE, MINUTE + timedelta(seconds=61), MINUTE + timedelta(days=1)):
        uses.note("key_1", at)
        assert await uses.write(book) == 1
    assert [one["key_1"] for one in book.writes] == [
        MINUTE,
        MINUTE + timedelta(minutes=1),
        MINUTE + timedelta(days=1),
    ]


async def test_what_could_not_be_written_is_written_next_time() -> None:
    uses, book = KeyUses(), Book()
    uses.note("key_1", MINUTE)
    uses.note("key_2", MINUTE)
    book.is_away = True
    with pytest.raises(Unavailable):
        await uses.write(book)

    uses.note("key_1", MINUTE + timedelta(minutes=1))
    book.is_away = False
    assert await uses.write(book) == 2
    assert book.writes == [{"key_1": MINUTE + timedelta(minutes=1), "key_2": MINUTE}]


async def test_a_flood_of_keys_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_uses, "UNWRITTEN_MAX", 3)
    uses, book = KeyUses(), Book()
    for number in range(10):
        uses.note(f"key_{number}", MINUTE)
    assert await uses.write(book) == 3
    assert list(book.writes[0]) == ["key_7", "key_8", "key_9"]
