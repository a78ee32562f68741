"""The crash book: one page per bug, files that follow, and a disk that may fail."""

import json
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import crash_book as room
from actors.crash_book import CrashBook, Page
from supervisors import (
    Backoff,
    ChildSpec,
    Context,
    DynamicSpec,
    Event,
    EventKind,
    Tree,
    open_tree,
)

START = datetime(2026, 3, 1, 3, 14, tzinfo=UTC)


class Wall:
    """A wall clock that a test turns."""

    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time


def crashing(key: str) -> ChildSpec:
    """A worker that crashes every second; each key has a bug of its own, but those on `same`."""

    async def start(context: Context) -> None:
        context.ready()
        await trio.sleep(1)
        if key.startswith("same"):
            raise RuntimeError(f"no payer 123.456.789-09 for {key}")
        raise type(key, (Exception,), {})(f"{key} is broken")

    return ChildSpec(id=key, start=start, backoff=Backoff(initial=0.0))


@asynccontextmanager
async def tree_of(book: CrashBook, *keys: str) -> AsyncIterator[Tree]:
    spec = DynamicSpec(id="root", template=crashing, keys=keys, max_restarts=10_000)
    async with open_tree(spec, seed=1, on_open=book.attach, on_event=book.note) as tree:
        yield tree


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_bug_has_one_page_however_often_and_wherever_it_strikes(tmp_path: Path) -> None:
    book = CrashBook(tmp_path, now=Wall())
    async with tree_of(book, "same_1", "same_2", "other"):
        await trio.sleep(2.5)

    newest, oldest = sorted(book.pages(), key=lambda page: -page.count)
    assert (newest.count, oldest.count) == (4, 2)
    assert newest.paths == {"root/same_1": 2, "root/same_2": 2}
    assert newest.first < newest.last
    assert oldest.headline.endswith("other: other is broken")
    assert book.find(newest.fingerprint) is newest
    assert book.find("root/same_1") is newest
    assert book.find("root/other") is oldest
    assert book.find("root/nobody") is None


async def test_each_page_becomes_a_file_that_only_we_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "crashes"
    with CrashBook.open(folder) as book:
        async with tree_of(book, "same_1", "other"):
            await trio.sleep(1.5)
    names = [f"{page.fingerprint}.json" for page in book.pages()]

    assert files(folder) == sorted(names)
    page = json.loads((folder / names[0]).read_text())
    assert page["report"]["fingerprint"] == page["fingerprint"]
    assert page["report"]["ancestors"][0]["path"] == "root"
    assert stat.S_IMODE((folder / names[0]).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (book.unwritten, book.failures) == (0, 0)


async def test_no_secret_reaches_a_file(tmp_path: Path) -> None:
    with CrashBook.open(tmp_path) as book:
        async with tree_of(book, "same_1"):
            await trio.sleep(1.5)
    [file] = files(tmp_path)
    text = (tmp_path / file).read_text()
    assert "123.456" not in text
    assert "no payer" in text


async def test_book_is_read_again_by_the_next_platform(tmp_path: Path) -> None:
    for _ in range(2):
        with CrashBook.open(tmp_path) as book:
            async with tree_of(book, "same_1"):
                await trio.sleep(2.5)
    [page] = book.pages()
    assert page.count == 4
    assert page.first < page.last


@pytest.mark.parametrize("text", ["", "{", '{"fingerprint": 5}', "[]", '{"fingerprint": "x"}'])
def test_file_that_is_no_page_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "0123456789abcdef.json").write_text(text)
    with CrashBook.open(tmp_path) as book:
        assert book.pages() == ()
    assert files(tmp_path) == ["0123456789abcdef.json"]


async def test_book_keeps_a_hundred_bugs_and_drops_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGES_MAX", 3)
    with CrashBook.open(tmp_path) as book:
        async with tree_of(book) as tree:
            for number in range(6):
                await tree.start_child("root", f"bug_{number}")
                await trio.sleep(1.5)
                await tree.stop_child(f"root/bug_{number}")
    kept = [page.path for page in book.pages()]
    assert kept == ["root/bug_5", "root/bug_4", "root/bug_3"]
    assert len(files(tmp_path)) == 3
    assert set(files(tmp_path)) == {f"{page.fingerprint}.json" for page in book.pages()}


async def test_storm_of_one_bug_is_counted_and_reported_once_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    report = room.crash_report

    def counting(tree: Tree, event: Event, **options: Any) -> Any:
        made.append(event.path)
        return report(tree, event, **options)

    monkeypatch.setattr(room, "crash_report", counting)
    book = CrashBook(tmp_path)
    async with tree_of(book, *(f"same_{number}" for number in range(200))):
        await trio.sleep(1.5)
    [page] = book.pages()
    assert page.count == 200
    assert len(made) == 1
    assert len(page.paths) == room.PATHS_MAX


async def test_bug_in_the_report_hides_no_crash_and_ends_no_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(room, "crash_report", broken)
    book = CrashBook(tmp_path)
    async with tree_of(book, "same_1") as tree:
        await trio.sleep(1.5)
        assert EventKind.OBSERVER_FAILED not in {event.kind for event in tree.events()}
        assert tree.snapshot().nodes[1].state == "running"
    assert book.failures == 1
    assert book.pages() == ()


async def test_disk_that_fails_costs_the_files_alone(tmp_path: Path) -> None:
    folder = tmp_path / "crashes"
    with CrashBook.open(folder) as book:
        folder.rmdir()
        async with tree_of(book, "same_1") as tree:
            await trio.sleep(2.5)
            assert tree.snapshot().nodes[1].state == "running"
    assert book.unwritten >= 1
    assert [page.count for page in book.pages()] == [2]


async def test_slow_disk_holds_nobody_up_and_what_it_missed_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGES_MAX", 2)
    go_on = threading.Event()
    written: list[str] = []

    class Slow(CrashBook):
        def _write(self, page: Page) -> None:
            go_on.wait(10)
            written.append(page.path)
            super()._write(page)

    with Slow.open(tmp_path) as book:
        async with tree_of(book, *(f"bug_{number}" for number in range(6))):
            await trio.sleep(1.5)
            assert written == []
        go_on.set()
    assert book.unwritten in (3, 4)  # one may be in the writer's hand, two wait
    assert len(written) + book.unwritten == 6


async def test_event_that_is_no_crash_is_nothing_to_the_book(tmp_path: Path) -> None:
    book = CrashBook(tmp_path)
    async with tree_of(book, "same_1") as tree:
        await tree.stop_child("root/same_1")
    assert book.pages() == ()
