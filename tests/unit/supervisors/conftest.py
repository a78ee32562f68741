"""Everything about supervision is tested on a virtual clock that jumps when all wait."""

import pytest
from trio.testing import MockClock

from tests.unit.supervisors.supervision_kit import Lab


@pytest.fixture(autouse=True)
def virtual_clock(autojump_clock: MockClock) -> MockClock:
    return autojump_clock


@pytest.fixture
def lab() -> Lab:
    return Lab()
