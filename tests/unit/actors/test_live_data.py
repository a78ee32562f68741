"""What the tree publishes of provider links: regularly, and at once when a breaker turns."""

from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import trio

from actors.branch import Branch
from actors.live_data import LOOK_SECONDS, live_data, notify_live_data, read_notice
from actors.provider_board import ProviderBoard
from fluxiq.domain.circuit import Circuit, CircuitState
from supervisors import Strategy, SupervisorSpec, open_tree
from tests.support.memory_world import MemoryWorld

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OPEN = Circuit(state=CircuitState.OPEN, failures=5)


def test_a_board_knows_when_a_link_answered_and_when_it_failed() -> None:
    board = ProviderBoard()
    board.circuit_changed("psp", Circuit())
    board.called("psp", "held_back", NOW)
    board.called("psp", "refused", NOW)
    [quiet] = board.statuses(NOW)
    assert (quiet.last_answer_at, quiet.last_failure_at) == (None, None)

    board.called("psp", "answered", NOW)
    board.called("psp", "unknown", NOW)
    board.circuit_changed("psp", OPEN)
    [shown] = board.statuses(NOW)
    assert (shown.name, shown.breaker, shown.failures) == ("psp", "open", 5)
    assert (shown.last_answer_at, shown.last_failure_at, shown.seen_at) == (NOW, NOW, NOW)


class OneBus:
    def __init__(self) -> None:
        self.told: list[tuple[str, bytes, str]] = []

    async def publish(self, subject: str, body: bytes, message_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self.told.append((subject, body, message_id))


async def test_links_are_seen_every_few_seconds_and_told_when_a_breaker_turns(
    autojump_clock: object,
) -> None:
    del autojump_clock
    world = await MemoryWorld().open()
    puts: list[tuple[str, bool]] = []

    async def put(status: Any, *, tell: bool) -> None:
        await trio.lowlevel.checkpoint()
        puts.append((status.breaker, tell))

    branch = Branch(
        platform=cast("Any", SimpleNamespace(clock=world.clock)),
        institution=world.tenant.institution,
    )
    tenant: Any = SimpleNamespace(live_data=SimpleNamespace(put_provider=put))
    branch.provider_board.circuit_changed("psp", Circuit())
    root = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[live_data(branch)])
    with ExitStack() as stack:
        stack.enter_context(branch.tenant.filled(tenant))
        async with open_tree(root):
            await trio.sleep(2.5 * LOOK_SECONDS)
            assert puts[0] == ("closed", True)
            assert len(puts) >= 3
            assert not any(tell for _, tell in puts[1:])

            puts.clear()
            branch.provider_board.circuit_changed("psp", OPEN)
            await trio.sleep(LOOK_SECONDS / 10)
            assert puts == [("open", True)]


async def test_a_notice_crosses_the_bus_whole() -> None:
    world, bus = await MemoryWorld().open(), OneBus()
    branch = Branch(
        platform=cast("Any", SimpleNamespace(clock=world.clock)),
        institution=world.tenant.institution,
    )
    with branch.links.filled(cast("Any", SimpleNamespace(bus=bus))):
        await notify_live_data(branch, "rate", b'{"pair":"USD-BRL","rate":"5.4"}')
        await notify_live_data(branch, "rate", b'{"pair":"USD-BRL","rate":"5.4"}')
    (subject, body, one), (_, _, other) = bus.told
    assert subject == "FLUXIQ.12345678.live_data"
    assert one != other  # the stream must not take a second change for the first
    notice = read_notice(body)
    assert notice.kind == "rate"
    assert msgspec.json.decode(notice.data) == {"pair": "USD-BRL", "rate": "5.4"}
