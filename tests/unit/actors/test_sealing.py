"""The keeper of an institution's keys, and what sets off the alarm."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from msgspec.structs import replace
from structlog.testing import capture_logs

from actors import sealing as room
from actors.branch import Branch
from actors.sealing import REFRESH_SECONDS, alarm_of, key_keeper
from fluxiq.errors import SealBroken, StartRefused, Unavailable
from fluxiq.ports.sealing import Place
from fluxiq.sealing import Keyring
from fluxiq.sealing.keys import GRANT, ROTATE_AT, open_keyring
from fluxiq.telemetry.metrics import Metrics
from supervisors import Strategy, SupervisorSpec, Tree, open_tree
from tests.support.memory_sealing import MemorySealingKeys, MemoryWrapper
from tests.support.seals import keys_of

ISPB = "12345678"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HERE = Place("merchants", "name", "mch_1")


class Kept:
    """A branch with as much as its keeper asks for."""

    def __init__(self, keys: MemorySealingKeys, wrapper: MemoryWrapper, ring: Keyring) -> None:
        self.keys, self.wrapper, self.ring = keys, wrapper, ring
        links = SimpleNamespace(postgres=None, keyring=ring)
        self.branch = cast(
            "Branch",
            SimpleNamespace(
                ispb=ISPB,
                links=SimpleNamespace(get=lambda: links),
                platform=SimpleNamespace(
                    key_wrapper=wrapper, clock=SimpleNamespace(now=lambda: NOW)
                ),
                metrics=Metrics(process=False),
            ),
        )


@pytest.fixture
async def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    keys, wrapper = MemorySealingKeys(), MemoryWrapper()
    monkeypatch.setattr(room, "PostgresSealingKeys", lambda _postgres: keys)
    ring = await open_keyring(ISPB, keys, wrapper, NOW, lambda place: None)
    return Kept(keys, wrapper, ring)


@asynccontextmanager
async def keeping(kept: Kept) -> AsyncIterator[Tree]:
    spec = SupervisorSpec(
        id="root", strategy=Strategy.ONE_FOR_ONE, children=[key_keeper(kept.branch)]
    )
    async with open_tree(spec) as tree:
        yield tree


async def test_a_key_that_somebody_else_made_is_taken_within_two_seconds(
    kept: Kept, autojump_clock: Any
) -> None:
    async with keeping(kept):
        await trio.sleep(REFRESH_SECONDS)
        kept.keys.by_id[2] = replace(
            kept.keys.by_id[1],
            id=2,
            messages=0,
            wrapped=b"institution 12345678, key 2\0" + b"k" * 32,
        )
        await trio.sleep(REFRESH_SECONDS + 0.1)
        assert kept.ring.current == 2
        assert kept.ring.granted == kept.keys.by_id[2].messages == GRANT


async def test_a_key_with_half_its_messages_is_replaced(kept: Kept, autojump_clock: Any) -> None:
    kept.keys.by_id[1] = replace(kept.keys.by_id[1], messages=ROTATE_AT)
    async with keeping(kept):
        await trio.sleep(2 * REFRESH_SECONDS + 0.1)
        assert sorted(kept.keys.by_id) == [0, 1, 2]
        assert kept.ring.current == 2


async def test_a_key_that_cannot_be_made_is_said_and_nobody_falls(
    kept: Kept, autojump_clock: Any
) -> None:
    kept.keys.by_id[1] = replace(kept.keys.by_id[1], messages=ROTATE_AT)

    async def refused(*_: object) -> bytes:
        raise StartRefused("the file is away")

    kept.wrapper.wrap = refused  # type: ignore[method-assign]
    with capture_logs() as logs:
        async with keeping(kept) as tree:
            await trio.sleep(REFRESH_SECONDS)
            node = tree.snapshot().find("root/key_keeper")
            assert node is not None
            assert node.incarnation == 1
    assert "sealing_key_not_made" in {one["event"] for one in logs}
    assert kept.ring.open(kept.ring.seal(b"x", HERE), HERE) == b"x"


async def test_an_outage_is_ridden_out(kept: Kept, autojump_clock: Any) -> None:
    state, away = kept.keys.state, True

    async def perhaps() -> Any:
        if away:
            raise Unavailable("postgres", "is restarting")
        return await state()

    kept.keys.state = perhaps  # type: ignore[method-assign]
    async with keeping(kept) as tree:
        await trio.sleep(60)
        away = False
        await trio.sleep(REFRESH_SECONDS + 0.1)
        node = tree.snapshot().find("root/key_keeper")
        assert node is not None
        assert node.incarnation == 1


async def test_a_broken_seal_is_counted_and_logged_with_its_place_and_without_its_content(
    kept: Kept,
) -> None:
    ring = Keyring(ISPB, keys_of(ISPB), alarm_of(kept.branch))
    with capture_logs() as logs, pytest.raises(SealBroken):
        ring.open(b"\x01 what somebody wrote here", HERE)
    [told] = logs
    assert told == {
        "event": "seal_broken",
        "log_level": "error",
        "institution": ISPB,
        "table": "merchants",
        "column": "name",
        "row": "mch_1",
    }
    labels = {"institution": ISPB, "table": "merchants", "column": "name"}
    registry = kept.branch.metrics.registry
    assert registry.get_sample_value("fluxiq_seal_failures_total", labels) == 1
