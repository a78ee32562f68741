"""Sealing again under a new key: everything, once, wherever it was interrupted."""

from datetime import timedelta
from typing import Any

import pytest
import trio

from fluxiq.domain.envelope import PLAIN, key_id_of
from fluxiq.ports.sealing import Place
from fluxiq.ports.sealing_keys import KeyPurpose, Progress, SealingDesk, Stale, WrappedKey
from fluxiq.sealing import Keyring
from fluxiq.services import reseal as room
from fluxiq.services.reseal import RETIRE_SECONDS, SETTLE_SECONDS, reseal
from fluxiq.services.tenant import Tenant
from tests.support.memory_sealing import MemorySealedRows, MemorySealingKeys, place_of
from tests.support.memory_world import ISPB, OPENED, MemoryWorld
from tests.support.seals import keyring

NAMES, DOCUMENTS = "merchants.name", "merchants.document"


def wrapped(key_id: int) -> WrappedKey:
    purpose = KeyPurpose.DATA if key_id else KeyPurpose.INDEX
    return WrappedKey(
        id=key_id, purpose=purpose, wrapped=b"", wrapped_by="kek", messages=0, created_at=OPENED
    )


class Rotating:
    """Two columns of values under key 1, and key 2 which was made at OPENED."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int = 30) -> None:
        monkeypatch.setattr(room, "PAGE", 7)
        self.broken: list[Place] = []
        self.ring: Keyring = keyring(ISPB, 2, plain_allowed=True, broken=self.broken)
        self.keys, self.rows = MemorySealingKeys(), MemorySealedRows()
        self.keys.by_id = {number: wrapped(number) for number in range(3)}
        before = keyring(ISPB, 1)
        for what in (NAMES, DOCUMENTS):
            self.rows.by_name[what] = {
                (row := f"mch_{number:03d}"): before.seal(row.encode(), place_of(what, row))
                for number in range(count)
            }
        self.world = MemoryWorld()
        self.world.clock.pass_seconds(SETTLE_SECONDS + 1)

    @property
    def tenant(self) -> Tenant:
        parts = {name: getattr(self.world.tenant, name) for name in Tenant.__slots__}
        return Tenant(
            **{**parts, "sealer": self.ring, "sealing": SealingDesk(self.keys, self.rows)}
        )

    def key_ids(self) -> set[int | None]:
        return {key_id_of(one) for rows in self.rows.by_name.values() for one in rows.values()}

    def opens(self) -> bool:
        return all(
            self.ring.open(one, place_of(what, row)) == row.encode()
            for what, rows in self.rows.by_name.items()
            for row, one in rows.items()
        )


@pytest.fixture
def rotating(monkeypatch: pytest.MonkeyPatch) -> Rotating:
    return Rotating(monkeypatch)


async def test_everything_is_sealed_again_and_opens(
    rotating: Rotating, autojump_clock: Any
) -> None:
    await reseal(rotating.tenant)
    assert rotating.key_ids() == {2}
    assert rotating.opens()
    progress = await rotating.rows.progress(2)
    assert [(one.seen, one.resealed, one.done_at is not None) for one in progress] == [
        (30, 30, True),
        (30, 30, True),
    ]


async def test_it_waits_until_everybody_uses_the_new_key(rotating: Rotating) -> None:
    rotating.world.clock.at = OPENED + timedelta(seconds=SETTLE_SECONDS - 1)
    await reseal(rotating.tenant)
    assert rotating.key_ids() == {1}


async def test_it_costs_no_faster_than_it_may(rotating: Rotating, autojump_clock: Any) -> None:
    began = trio.current_time()
    await reseal(rotating.tenant)
    rate = rotating.tenant.settings.sealing.rotate_rows_per_second
    assert trio.current_time() - began >= 60 / rate


@pytest.mark.parametrize("at", range(1, 9))
async def test_a_crash_anywhere_is_gone_on_from(
    rotating: Rotating, at: int, autojump_clock: Any
) -> None:
    put, calls = rotating.rows.replace, 0

    async def dies(fresh: list[tuple[Stale, bytes]], progress: Progress) -> int:
        nonlocal calls
        calls += 1
        if calls == at:
            raise MemoryError
        return await put(fresh, progress)

    rotating.rows.replace = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(MemoryError):
        await reseal(rotating.tenant)
    assert rotating.opens(), "in the middle everything opens too"
    assert rotating.key_ids() >= {1}

    rotating.rows.replace = put  # type: ignore[method-assign]
    await reseal(rotating.tenant)
    assert rotating.key_ids() == {2}
    assert rotating.opens()
    assert sum(one.resealed for one in await rotating.rows.progress(2)) == 60, "each once"


async def test_who_writes_meanwhile_wins(rotating: Rotating, autojump_clock: Any) -> None:
    """Between the page and its replacement somebody else writes the row."""
    look, row = rotating.rows.stale, "mch_003"
    newer = rotating.ring.seal(row.encode(), place_of(NAMES, row))

    async def overtaken(*asked: Any) -> Any:
        page = await look(*asked)
        if asked[0] == NAMES:
            rotating.rows.by_name[NAMES][row] = newer
        return page

    rotating.rows.stale = overtaken  # type: ignore[method-assign]
    await reseal(rotating.tenant)
    assert rotating.rows.by_name[NAMES][row] == newer
    assert rotating.opens()


async def test_what_does_not_open_stays_and_keeps_nobody(
    rotating: Rotating, autojump_clock: Any
) -> None:
    rotating.rows.by_name[NAMES]["mch_003"] = b"\x01garbage"
    await reseal(rotating.tenant)
    assert rotating.rows.by_name[NAMES]["mch_003"] == b"\x01garbage"
    assert rotating.broken == [place_of(NAMES, "mch_003")]
    assert rotating.key_ids() == {2, None}


async def test_a_value_that_moves_to_where_the_walk_has_been_is_found_the_next_time(
    rotating: Rotating, autojump_clock: Any
) -> None:
    rotating.rows.names_moving = {NAMES}
    await reseal(rotating.tenant)
    late = keyring(ISPB, 1).seal(b"late", place_of(NAMES, "late"))
    rotating.rows.by_name[NAMES]["late"] = late
    await reseal(rotating.tenant)
    assert rotating.key_ids() == {2}
    [names] = [one for one in await rotating.rows.progress(2) if one.what == NAMES]
    assert (names.seen, names.resealed) == (31, 1), "walked through once more"


async def test_plain_values_are_sealed_and_then_refused(
    rotating: Rotating, autojump_clock: Any
) -> None:
    rotating.keys.plain_allowed = True
    rotating.rows.by_name[NAMES]["mch_003"] = PLAIN + b"mch_003"
    await reseal(rotating.tenant)
    assert rotating.key_ids() == {2}
    assert rotating.opens()
    assert rotating.keys.plain_allowed is False


async def test_the_old_key_is_retired_a_day_later(rotating: Rotating, autojump_clock: Any) -> None:
    await reseal(rotating.tenant)
    assert [key.id for key in (await rotating.keys.state()).in_use] == [1, 2]
    rotating.world.clock.pass_seconds(RETIRE_SECONDS)
    await reseal(rotating.tenant)
    state = await rotating.keys.state()
    assert [key.id for key in state.in_use] == [2]
    assert state.is_settled
