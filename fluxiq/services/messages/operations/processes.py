"""One process of the tree, as operators read it."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from fluxiq.services.messages.operations.tree import TreeNode


class MailCounts(Struct, frozen=True, kw_only=True):
    """Messages over all incarnations; `waiting` includes what is in hand or to be redelivered."""

    sent: int
    handled: int
    refused: int
    expired: int
    dead_lettered: int
    coalesced: int
    waiting: int
    late_replies: int
    double_replies: int
    redelivered: int


class ProcessEvent(Struct, frozen=True, kw_only=True):
    """Something that happened to a process. `cause` is the `id` of what led to it, or 0;
    `exception` has a line for each error of the chain and for where it was raised, masked.
    """

    id: int
    cause: int
    kind: str
    path: str
    incarnation: int
    seconds_ago: float
    reason: str
    exception: list[str]


class Admission(Struct, frozen=True, kw_only=True):
    """Restarts of the whole tree: how many wait for their turn, how many had it, the limits."""

    waiting: int
    admitted: int
    burst: int
    per_second: float


class ProcessStatistics(Struct, frozen=True, kw_only=True):
    """`seconds_up` is 0 for one that does not run now."""

    state: str
    seconds_up: float
    incarnation: int
    restarts: int
    suspended: bool
    admission: Admission


class Foreseen(Struct, frozen=True, kw_only=True):
    """What would happen if it crashed now, in sentences; `delay` is the wait before its restart in
    seconds, null where nothing restarts; `gives_up` the supervisors whose budget would be spent.
    """

    steps: list[str]
    stops: list[str]
    restarts: list[str]
    delay: float | None
    gives_up: list[str]
    quarantines: bool


class ProcessView(Struct, frozen=True, kw_only=True):
    """`mailbox_head` are the types of the first messages that wait, `stack` where its tasks wait,
    `last_events` come oldest first, `why` is what led to the last of them, newest first.
    """

    node: TreeNode
    spec: dict[str, Any]
    mailbox: MailCounts | None
    mailbox_head: list[str]
    stack: list[str]
    last_events: list[ProcessEvent]
    why: list[ProcessEvent]
    statistics: ProcessStatistics
    explain: Foreseen


class ProcessState(Struct, frozen=True, kw_only=True):
    """An actor's state between two messages, secrets masked, as Python shows what JSON lacks."""

    state: dict[str, Any]


class ProcessDone(Struct, frozen=True, kw_only=True):
    """Where it was done."""

    path: str


def process_view(
    inspected: Mapping[str, Any], why: Any, statistics: Any, explained: Any
) -> ProcessView:
    """Of the desk's answers to `inspect`, `why`, `statistics` and `explain`."""
    beside = {"why": why, "statistics": statistics, "explain": explained}
    said = {**inspected, "last_events": inspected["events"], **beside}
    return msgspec.convert(said, ProcessView)
