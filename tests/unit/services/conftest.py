"""One institution in memory, with one merchant that has R$ 100.00."""

import pytest

from tests.support.memory_world import MemoryWorld


@pytest.fixture
async def world() -> MemoryWorld:
    made = await MemoryWorld(payout_amount_max=1_000_00).open()
    await made.fund(100_00)
    made.faults.calls.clear()
    made.relay.rings = 0
    return made
