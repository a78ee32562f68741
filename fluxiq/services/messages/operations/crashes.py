"""The crash book, as operators read it: one page per bug."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct


class CrashView(Struct, frozen=True, kw_only=True):
    """A bug: how often it crashed, where last and where before (`paths`, with counts). `first` is
    null where it was met elsewhere before.
    """

    fingerprint: str
    headline: str
    path: str
    paths: dict[str, int]
    count: int
    first: datetime | None
    last: datetime


class CrashesView(Struct, frozen=True, kw_only=True):
    """The one that crashed last comes first. `unwritten` pages did not get into a file, `failures`
    crashes could not be reported: of the whole platform.
    """

    crashes: list[CrashView]
    unwritten: int
    failures: int


class CrashPageView(CrashView, frozen=True, kw_only=True):
    """With the `report` of the last crash: its exceptions as a tree with their frames, the spec,
    the mail and the events before it, masked.
    """

    report: dict[str, Any]


def crashes_view(answer: Mapping[str, Any]) -> CrashesView:
    return msgspec.convert(answer, CrashesView)


def crash_view(answer: Mapping[str, Any]) -> CrashPageView:
    return msgspec.convert(answer, CrashPageView)
