"""Everything about supervision is tested on a virtual clock that jumps when all wait."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.unit.supervisors.actor_kit import Diary
from tests.unit.supervisors.supervision_kit import Lab

HERE = Path(__file__).parent


def run_on_virtual_clock(*args: Any, **kwargs: Any) -> Any:
    return trio.run(*args, **{**kwargs, "clock": MockClock(autojump_threshold=0)})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        function = getattr(item, "obj", None)
        if HERE in item.path.parents and inspect.iscoroutinefunction(function):
            item.add_marker(pytest.mark.trio(run=run_on_virtual_clock), append=False)


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def written() -> list[object]:
    """What diaries write in this test."""
    Diary.written = []
    return Diary.written
