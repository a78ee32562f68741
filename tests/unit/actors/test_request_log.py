"""What the door notes is in the log a moment later, with Redis and after it was away."""

from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import structlog.testing
import trio

from actors.branch import Branch
from actors.request_log import request_log
from fluxiq.domain.request_log import RequestLine
from fluxiq.services.request_book import GATHER_SECONDS
from fluxiq.telemetry.metrics import Metrics
from supervisors import Strategy, SupervisorSpec, open_tree
from tests.support.memory_world import MemoryWorld

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def line(number: int) -> RequestLine:
    return RequestLine(
        id=f"req_{number:026d}",
        at=NOW,
        method="GET",
        path="/api/v1/accounts",
        status=200,
        error_code=None,
        microseconds=1234,
        actor="key_1",
        merchant_id="mch_1",
        address="203.0.113.7",
    )


async def test_lines_are_written_soon_and_dropped_counted_and_said_once_without_redis(
    autojump_clock: object,
) -> None:
    del autojump_clock
    world, metrics = await MemoryWorld().open(), Metrics(process=False)
    book, log = world.tenant.request_book, world.request_log
    branch = Branch(
        platform=cast("Any", SimpleNamespace(metrics=metrics)),
        institution=world.tenant.institution,
    )

    async def noted(number: int) -> None:
        book.note(line(number))
        await trio.sleep(GATHER_SECONDS * 2)

    root = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=[request_log(branch)])
    with ExitStack() as stack, structlog.testing.capture_logs() as said:
        stack.enter_context(branch.tenant.filled(world.tenant))
        async with open_tree(root):
            await noted(1)
            log.away = True
            for number in (2, 3):
                await noted(number)
            log.away = False
            await noted(4)

    assert [one.id for one in log.lines] == [line(1).id, line(4).id]
    name, labels = "fluxiq_requests_not_logged_total", {"institution": branch.ispb}
    assert metrics.registry.get_sample_value(name, labels) == 2
    outages = [one["event"] for one in said if one["event"].startswith("outage")]
    assert outages == ["outage_began", "outage_ended"]
