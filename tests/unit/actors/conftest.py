"""Actors are tested on a virtual clock that jumps when all wait, where they wait for time only."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

HERE = Path(__file__).parent
# They wait for sockets, which no virtual clock sees.
REAL_TIME = {"test_admin_socket.py", "test_admin_crowd.py", "test_ledger_sessions.py"}


def run_on_virtual_clock(*args: Any, **kwargs: Any) -> Any:
    return trio.run(*args, **{**kwargs, "clock": MockClock(autojump_threshold=0)})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        function = getattr(item, "obj", None)
        here = item.path.parent == HERE and item.path.name not in REAL_TIME
        if here and inspect.iscoroutinefunction(function):
            item.add_marker(pytest.mark.trio(run=run_on_virtual_clock), append=False)
