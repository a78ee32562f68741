"""Requests on their way into the log: gathered, bounded, masked, and dropped when Redis is away."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import trio

from fluxiq.domain.request_log import RequestLine
from fluxiq.errors import Unavailable
from fluxiq.services.request_book import BATCH, GATHER_SECONDS, WAITING_MAX, RequestBook
from tests.support.memory_request_log import MemoryRequestLog

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def line(number: int = 1, **said: Any) -> RequestLine:
    made = RequestLine(
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
    return msgspec.structs.replace(made, **said)


async def written(*lines: RequestLine) -> list[RequestLine]:
    book, log = RequestBook(), MemoryRequestLog()
    for one in lines:
        book.note(one)
    await book.write(log)
    return log.lines


async def test_what_was_noted_is_written_in_its_order() -> None:
    assert [one.id for one in await written(line(1), line(2))] == [line(1).id, line(2).id]


async def test_a_line_is_kept_as_it_was_but_for_people() -> None:
    [one] = await written(line())
    assert one == line(address="203.0.113.0/24")


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/api/v1/pix/dict/529.982.247-25", False),
        ("/api/v1/pix/dict/52998224725", False),
        ("/api/v1/pix/dict/ana@example.com", False),
        ("/api/v1/pix/payouts/pay_01ARZ3NDEKTSV4RRFFQ69G5FAV/cancel", True),
        ("/api/v1/pix/walks/E12345678202611271200abcdefghijk", True),
        ("/api/v1/pix/payout-batches", True),
    ],
)
async def test_people_in_paths_are_masked_and_ids_are_not(path: str, kept: bool) -> None:
    [one] = await written(line(path=path))
    assert (one.path == path) is kept
    assert one.path.startswith("/api/v1/pix/")
    said = path.rpartition("/")[2]
    assert kept or said not in one.path


async def test_people_in_idempotency_keys_are_masked() -> None:
    [one, other] = await written(
        line(idempotency_key="to 529.982.247-25"), line(idempotency_key="order-7")
    )
    assert "529.982.247-25" not in (one.idempotency_key or "")
    assert other.idempotency_key == "order-7"


async def test_a_writer_waits_for_something_and_then_a_moment_for_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    book = RequestBook()
    with trio.move_on_after(60) as nothing:
        await book.gathered()
    assert nothing.cancelled_caught

    book.note(line())
    before = trio.current_time()
    await book.gathered()
    assert trio.current_time() - before == pytest.approx(GATHER_SECONDS)


async def test_a_full_batch_is_not_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    book, log = RequestBook(), MemoryRequestLog()
    for number in range(2 * BATCH + 1):
        book.note(line(number))

    before = trio.current_time()
    for _ in range(2):
        await book.gathered()
        await book.write(log)
    assert trio.current_time() == before
    assert len(log.lines) == 2 * BATCH
    await book.gathered()
    assert trio.current_time() - before == pytest.approx(GATHER_SECONDS)
    await book.write(log)
    assert len(log.lines) == 2 * BATCH + 1


async def test_what_there_is_no_room_for_is_dropped_and_counted() -> None:
    book = RequestBook()
    for number in range(WAITING_MAX + 3):
        book.note(line(number))
    assert book.dropped == 3


async def test_what_redis_would_not_take_is_dropped_and_counted_and_then_all_is_well() -> None:
    book, log = RequestBook(), MemoryRequestLog()
    log.away = True
    book.note(line(1))
    with pytest.raises(Unavailable):
        await book.write(log)
    assert book.dropped == 1

    log.away = False
    book.note(line(2))
    await book.gathered()
    await book.write(log)
    assert [one.id for one in log.lines] == [line(2).id]
    assert book.dropped == 1
