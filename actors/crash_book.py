"""The crash book: one page per bug, in memory and in `<data_dir>/run/crashes/`.

A crash is written down by its fingerprint: how often, since when, last when and where, and the
report of the last one. The loop only makes the report, at most once a second per fingerprint; a
thread writes the files. So a bug that crashes a thousand times costs a thousand counts and a few
files, and a full or slow disk costs the files alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from actors.masking import masked_foreign as _mask
from supervisors import (
    Event,
    Tree,
    crash_headline,
    crash_report,
    fingerprint_of,
    is_crash,
)

PAGES_MAX = 100
PATHS_MAX = 20  # remembered per page
REPORT_SECONDS = 1.0  # between two full reports of one bug
CLOSE_SECONDS_MAX = 2.0

_log = structlog.get_logger("crash_book")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one bug. `paths` counts crashes per node, the last one last."""

    fingerprint: str
    headline: str
    count: int
    first: datetime
    last: datetime
    path: str
    paths: dict[str, int]
    report: dict[str, Any]


class CrashBook:
    """Kept by the tree's `on_event`. Nothing in it waits, and nothing in it can end the tree."""

    def __init__(self, folder: Path, *, now: Callable[[], datetime] | None = None) -> None:
        self.unwritten = 0  # pages that did not get into a file: the disk failed, or was too slow
        self.failures = 0  # crashes that could not be reported: bugs of ours
        self._folder = folder
        self._now = now or (lambda: datetime.now(UTC))
        self._tree: Tree | None = None
        self._pages: OrderedDict[str, Page] = OrderedDict()  # the one that crashed last, last
        self._reported: dict[str, float] = {}  # when, on the tree's clock
        # Shared with the thread: the fingerprints whose files are behind, each once.
        self._changed = threading.Condition()
        self._behind: OrderedDict[str, Page] = OrderedDict()
        self._closed = False
        self._disk_fails = False

    @classmethod
    @contextmanager
    def open(cls, folder: Path) -> "Iterator[CrashBook]":
        """Read what is there; write until the end of the block. Raises OSError.

        The block is the tree's whole life: its end waits for the last files, a moment as a rule,
        CLOSE_SECONDS_MAX on a disk that hangs, when nobody else needs the loop.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        book = cls(folder)
        book._read()
        writer = threading.Thread(target=book._write_behind, name="crash book", daemon=True)
        writer.start()
        try:
            yield book
        finally:
            with book._changed:
                book._closed = True
                book._changed.notify()
            writer.join(CLOSE_SECONDS_MAX)
            if writer.is_alive():
                _log.error("crash_book_not_closed", pages=len(book._behind))

    def attach(self, tree: Tree) -> None:
        """Say which tree the events to come are of."""
        self._tree = tree

    def note(self, event: Event) -> None:
        """Write a crash down; any other event is nothing to this book."""
        if not is_crash(event):
            return

        try:
            self._note(event)
        except Exception:  # noqa: BLE001  reporting a crash must not add to it: the log has both
            self.failures += 1
            _log.exception("crash_not_reported", path=event.path)

    def pages(self) -> tuple[Page, ...]:
        """All pages, the one that crashed last first."""
        return tuple(reversed(self._pages.values()))

    def find(self, fingerprint_or_path: str) -> Page | None:
        """The page of a fingerprint, or of the last crash of a node."""
        page = self._pages.get(fingerprint_or_path)
        if page is not None:
            return page
        return next((one for one in self.pages() if fingerprint_or_path in one.paths), None)

    def _note(self, event: Event) -> None:
        fingerprint, now = fingerprint_of(event), self._now()
        before = self._pages.pop(fingerprint, None)
        due = self._reported.get(fingerprint, float("-inf")) + REPORT_SECONDS
        full = before is None or event.at >= due
        if full:
            self._reported[fingerprint] = event.at
        self._pages[fingerprint] = page = Page(
            fingerprint=fingerprint,
            headline=_mask(crash_headline(event)) if full or before is None else before.headline,
            count=1 if before is None else before.count + 1,
            first=now if before is None else before.first,
            last=now,
            path=event.path,
            paths=_counted({} if before is None else before.paths, event.path),
            report=self._report(event) if full or before is None else before.report,
        )
        while len(self._pages) > PAGES_MAX:
            oldest, _ = self._pages.popitem(last=False)
            self._reported.pop(oldest, None)
        with self._changed:
            self._behind[fingerprint] = page
            if len(self._behind) > PAGES_MAX:
                self._behind.popitem(last=False)
                self.unwritten += 1
            self._changed.notify()

    def _report(self, event: Event) -> dict[str, Any]:
        assert self._tree is not None, "the book is attached before anything starts"
        return crash_report(self._tree, event, mask=_mask)._asdict()

    # Files

    def _read(self) -> None:
        found = []
        for file in self._folder.glob("*.json"):
            try:
                page = msgspec.json.decode(file.read_bytes(), type=Page)
            except (OSError, msgspec.DecodeError) as error:
                _log.warning("crash_report_unreadable", file=file.name, error=str(error))
                continue
            if page.fingerprint == file.stem:
                found.append(page)
        for page in sorted(found, key=lambda one: one.last)[-PAGES_MAX:]:
            self._pages[page.fingerprint] = page

    def _write_behind(self) -> None:
        """In the thread: write what is behind, until closed and nothing is."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._behind or self._closed)
                if not self._behind:
                    return
                _, page = self._behind.popitem(last=False)
            try:
                self._write(page)
                self._drop_oldest()
            except OSError as error:
                self._could_not_write(error)
            else:
                self._disk_fails = False

    def _write(self, page: Page) -> None:
        """Beside it, then renamed over it: never half a report. Not synced: no money is in it."""
        file = self._folder / f"{page.fingerprint}.json"
        beside = file.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(page), indent=2) + b"\n")
        beside.replace(file)

    def _drop_oldest(self) -> None:
        files = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for file in files[:-PAGES_MAX]:
            file.unlink()

    def _could_not_write(self, error: OSError) -> None:
        self.unwritten += 1
        if not self._disk_fails:
            self._disk_fails = True
            _log.error("crash_book_unwritable", folder=str(self._folder), error=str(error))


def _counted(paths: dict[str, int], path: str) -> dict[str, int]:
    others = [(one, count) for one, count in paths.items() if one != path]
    return {**dict(others[1 - PATHS_MAX :]), path: paths.get(path, 0) + 1}
