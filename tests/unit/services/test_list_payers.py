"""The job that makes payers of old receipts countable."""

import pytest
import trio.testing

from fluxiq.services.list_payers import BITE, index_payers
from fluxiq.services.tenant import Tenant
from tests.support.memory_world import MemoryWorld


async def test_the_index_is_made_bite_by_bite_to_the_end(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await MemoryWorld().open()
    tenant: Tenant = world.tenant
    asked: list[tuple[str, int]] = []

    async def index(after: str, limit: int) -> str | None:
        asked.append((after, limit))
        return f"pay_{len(asked)}" if len(asked) < 3 else None

    monkeypatch.setattr(tenant.payers, "index", index)
    await index_payers(tenant)
    assert asked == [("", BITE), ("pay_1", BITE), ("pay_2", BITE)]
    assert autojump_clock.current_time() > 0  # it has left room for payments
