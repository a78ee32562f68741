"""The ledger's circuit breaker and the proofs of the books, as operators read them."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class BreakerMove(Struct, frozen=True, kw_only=True):
    seconds_ago: float
    before: str
    after: str
    reason: str


class WriterView(Struct, frozen=True, kw_only=True):
    """An institution's ledger writer. `mode` is whose books count for it now, since `epoch`;
    `unknown` transfers have no answer yet, `mirror_behind` are sealed and not in the mirror;
    `refused` is what the last recovery found that kept it from closing.
    """

    institution: str
    mode: str
    epoch: int
    fenced: bool
    is_back: bool
    refused: list[str]
    waiting: int
    in_flight: int
    unknown: int
    mirror_behind: int
    batches: int
    transfers: int
    fallbacks: int
    recoveries: int
    last_report: str


class LedgerView(Struct, frozen=True, kw_only=True):
    """`seconds` in this state, `due` in how many it moves by itself; `waits_for` the institutions
    that keep a recovering breaker from closing; `history` its last moves, the newest first.
    """

    state: str
    seconds: float
    due: float | None
    reason: str
    failures: int
    probes: int
    returns: int
    pinned: bool
    waits_for: list[str]
    history: list[BreakerMove]
    institutions: list[WriterView]


class VerificationView(Struct, frozen=True, kw_only=True):
    """A run over the ledgers of all institutions: `report` has an entry for each that is done, with
    its `findings` (`invariant`, `what`); none of them is what is hoped for.
    """

    number: int
    deep: bool
    is_over: bool
    report: list[dict[str, Any]]


def ledger_view(answer: Mapping[str, Any]) -> LedgerView:
    return msgspec.convert(answer, LedgerView)


def verification_view(answer: Mapping[str, Any]) -> VerificationView:
    return msgspec.convert(answer, VerificationView)
