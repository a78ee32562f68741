"""Reconciliation: the provider's statement beside our records. Pure.

A statement says what settled at the provider in a window of time, a line for each end-to-end or
return id. Our records say the same of ourselves. Where they agree, all is well; where they do not,
money is where one of the two does not think it is.

| kind | the statement | our records |
|---|---|---|
| MISSING_HERE | has a line | have nothing under its id |
| MISSING_THERE | has no line | say that it settled in the window |
| AMOUNT_DIFFERS | has a line | have another amount |
| STATE_DIFFERS | has a line | say that it failed, or is still open |
| DOUBLED_THERE | has more than one line | have one record |
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from fluxiq.domain.records import PayoutStage, Person


class Flow(StrEnum):
    """Which way money went, and by which kind of message: SPI's pacs.008 and pacs.004, in and out.
    A line of RECEIVED and SENT is named by its end-to-end id, of the others by its return id.
    """

    RECEIVED = "received"
    SENT = "sent"
    REFUNDED = "refunded"  # by us, of what we received
    RETURNED = "returned"  # to us, of what we sent


class Window(Struct, frozen=True):
    """From `since`, and before `until`."""

    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until

    def widened(self, margin: timedelta) -> "Window":
        return Window(self.since - margin, self.until + margin)


class StatementLine(Struct, frozen=True, kw_only=True):
    """One thing that settled, as the provider says. What follows `settled_at` is there where the
    provider says it: enough to make the notice from that never came.
    """

    flow: Flow
    id: str
    amount: int
    settled_at: datetime
    end_to_end_id: str | None = None  # of a return: the payment's
    pix_key: str | None = None
    txid: str | None = None
    payer: Person | None = None
    payer_message: str | None = None
    reason_code: str | None = None


class Standing(StrEnum):
    """How a record of ours stands, seen from a statement."""

    SETTLED = "settled"
    OPEN = "open"  # ordered, and its end is not known here
    NOT_SETTLED = "not_settled"  # failed, cancelled, or never ordered


_STANDING: Mapping[PayoutStage, Standing] = MappingProxyType(
    {
        PayoutStage.HELD: Standing.OPEN,
        PayoutStage.SENT: Standing.OPEN,
        PayoutStage.IN_DOUBT: Standing.OPEN,
        PayoutStage.CONFIRMED: Standing.SETTLED,
        PayoutStage.RETURNED: Standing.SETTLED,
    }
)


def standing_of(stage: PayoutStage) -> Standing:
    """Of an order of ours: a payout or a refund."""
    return _STANDING.get(stage, Standing.NOT_SETTLED)


class OurRecord(Struct, frozen=True, kw_only=True):
    """What we have under an id. `at` is when it settled here, or was last touched."""

    flow: Flow
    id: str
    amount: int
    standing: Standing
    at: datetime
    stage: str  # ours, in a word


class DifferenceKind(StrEnum):
    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT_DIFFERS = "amount_differs"
    STATE_DIFFERS = "state_differs"
    DOUBLED_THERE = "doubled_there"


class Difference(Struct, frozen=True, kw_only=True):
    """Where a statement and our records differ; amounts are None where there is nothing.
    `settled_at` is the statement's time, or ours where it has no line.
    """

    flow: Flow
    id: str
    kind: DifferenceKind
    ours: int | None
    theirs: int | None
    settled_at: datetime
    detail: str = ""


class Compared(Struct, frozen=True, kw_only=True):
    """`matched` lines agree with our records, their amounts add up to `matched_amount`."""

    matched: int = 0
    matched_amount: int = 0
    differences: tuple[Difference, ...] = ()


Name = tuple[Flow, str]


def name_of(one: StatementLine | OurRecord | Difference) -> Name:
    """What a line and a record of the same thing share."""
    return one.flow, one.id


def compare(
    lines: Sequence[StatementLine],
    records: Mapping[Name, OurRecord],
    *,
    seen: Collection[Name] = (),
    heard_by: datetime,
) -> Compared:
    """The lines of a statement beside the records that have their names.

    `seen` are names that the same statement has said before. A line that settled at `heard_by` or
    later may still be on its way to us by notice: without a record it is neither matched nor
    missing.
    """
    told = set(seen)
    matched, amount, differences = 0, 0, []
    for line in lines:
        name, record = name_of(line), records.get(name_of(line))
        found = [] if record is None else list(_differences(line, record))
        if record is None and line.settled_at < heard_by:
            found.append(_of_line(line, DifferenceKind.MISSING_HERE, None))
        if name in told:
            ours = None if record is None else record.amount
            found.append(_of_line(line, DifferenceKind.DOUBLED_THERE, ours))
        elif record is not None and not found:
            matched, amount = matched + 1, amount + line.amount
        told.add(name)
        differences += found
    return Compared(
        matched=matched, matched_amount=amount, differences=tuple(_first_of_each(differences))
    )


def missing_there(records: Sequence[OurRecord]) -> list[Difference]:
    """What records are that a whole statement has no line for: those that settled."""
    return [
        Difference(
            flow=record.flow,
            id=record.id,
            kind=DifferenceKind.MISSING_THERE,
            ours=record.amount,
            theirs=None,
            settled_at=record.at,
            detail=f"ours is {record.stage}",
        )
        for record in records
        if record.standing is Standing.SETTLED
    ]


def is_gone(kind: DifferenceKind, line: StatementLine | None, record: OurRecord | None) -> bool:
    """Whether a difference that was found is none any more, by what both say now. Who doubles a
    line is only seen when the statement is read again.
    """
    if kind is DifferenceKind.DOUBLED_THERE:
        return False
    if kind is DifferenceKind.MISSING_THERE:
        return line is not None or record is None or record.standing is not Standing.SETTLED
    if line is None:  # the provider has taken it back
        return True
    if kind is DifferenceKind.MISSING_HERE:
        return record is not None
    return record is not None and kind not in {one.kind for one in _differences(line, record)}


def _differences(line: StatementLine, record: OurRecord) -> Iterator[Difference]:
    if line.amount != record.amount:
        yield _of_line(line, DifferenceKind.AMOUNT_DIFFERS, record.amount)
    if record.standing is not Standing.SETTLED:
        detail = f"ours is {record.stage}"
        yield _of_line(line, DifferenceKind.STATE_DIFFERS, record.amount, detail)


def _of_line(
    line: StatementLine, kind: DifferenceKind, ours: int | None, detail: str = ""
) -> Difference:
    return Difference(
        flow=line.flow,
        id=line.id,
        kind=kind,
        ours=ours,
        theirs=line.amount,
        settled_at=line.settled_at,
        detail=detail,
    )


def _first_of_each(differences: Sequence[Difference]) -> Iterator[Difference]:
    """Each kind once for each name: a line that is there thrice is doubled once."""
    known = set()
    for one in differences:
        if (key := (name_of(one), one.kind)) not in known:
            known.add(key)
            yield one
