"""A statement beside our records: what agrees, what differs, and what may be done about it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from fluxiq.domain.difference import (
    TRANSITIONS,
    DifferenceEvent,
    DifferenceState,
    Remedy,
    advance,
    remedy_of,
)
from fluxiq.domain.reconciliation import (
    Difference,
    DifferenceKind,
    Flow,
    OurRecord,
    Standing,
    StatementLine,
    Window,
    compare,
    is_gone,
    missing_there,
    name_of,
    standing_of,
)
from fluxiq.domain.records import PayoutStage

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


def line(name: str = "E1", **said: Any) -> StatementLine:
    made = StatementLine(flow=Flow.RECEIVED, id=name, amount=10_00, settled_at=NOON)
    return replace(made, **said)


def ours(name: str = "E1", **said: Any) -> OurRecord:
    made = OurRecord(
        flow=Flow.RECEIVED,
        id=name,
        amount=10_00,
        standing=Standing.SETTLED,
        at=NOON,
        stage="no_charge",
    )
    return replace(made, **said)


def kinds(lines: list[StatementLine], *records: OurRecord, **said: Any) -> list[DifferenceKind]:
    said.setdefault("heard_by", LATER)
    found = compare(lines, {name_of(one): one for one in records}, **said)
    return [one.kind for one in found.differences]


# Comparing.


def test_lines_that_agree_with_records_are_counted_and_summed() -> None:
    records = {name_of(one): one for one in (ours("E1"), ours("E2", amount=7))}
    found = compare([line("E1"), line("E2", amount=7)], records, heard_by=LATER)

    assert (found.matched, found.matched_amount, found.differences) == (2, 10_07, ())


def test_a_line_without_a_record_is_missing_here_once_its_notice_should_have_come() -> None:
    assert kinds([line()]) == [DifferenceKind.MISSING_HERE]
    assert kinds([line()], heard_by=NOON) == []


def test_the_same_id_of_another_flow_is_another_thing() -> None:
    """A payment between two of our customers by PIX has one end-to-end id at both ends."""
    assert kinds([line()], ours(flow=Flow.SENT)) == [DifferenceKind.MISSING_HERE]


def test_another_amount_and_another_state_are_two_differences() -> None:
    failed = ours(amount=9_99, standing=Standing.NOT_SETTLED, stage="failed")

    assert kinds([line()], failed) == [DifferenceKind.AMOUNT_DIFFERS, DifferenceKind.STATE_DIFFERS]


def test_a_line_that_is_there_twice_or_was_on_another_page_is_doubled_once() -> None:
    assert kinds([line(), line(), line()], ours()) == [DifferenceKind.DOUBLED_THERE]
    assert kinds([line()], ours(), seen={(Flow.RECEIVED, "E1")}) == [DifferenceKind.DOUBLED_THERE]
    assert compare([line(), line()], {name_of(ours()): ours()}, heard_by=LATER).matched == 1


def test_only_what_settled_here_is_missing_there() -> None:
    records = [
        ours("E1"),
        ours("E2", standing=Standing.OPEN),
        ours("E3", standing=Standing.NOT_SETTLED),
    ]

    [found] = missing_there(records)
    assert (found.id, found.kind) == ("E1", DifferenceKind.MISSING_THERE)
    assert (found.ours, found.theirs) == (10_00, None)


@pytest.mark.parametrize(
    ("stage", "standing"),
    [
        (PayoutStage.SCHEDULED, Standing.NOT_SETTLED),
        (PayoutStage.CREATED, Standing.NOT_SETTLED),
        (PayoutStage.HELD, Standing.OPEN),
        (PayoutStage.SENT, Standing.OPEN),
        (PayoutStage.IN_DOUBT, Standing.OPEN),
        (PayoutStage.CONFIRMED, Standing.SETTLED),
        (PayoutStage.RETURNED, Standing.SETTLED),
        (PayoutStage.FAILED, Standing.NOT_SETTLED),
        (PayoutStage.CANCELLED, Standing.NOT_SETTLED),
    ],
)
def test_an_order_has_settled_is_open_or_neither(stage: PayoutStage, standing: Standing) -> None:
    assert standing_of(stage) is standing


def test_a_window_has_its_beginning_and_not_its_end() -> None:
    window = Window(NOON, LATER)

    assert window.holds(NOON)
    assert not window.holds(LATER)
    assert window.widened(timedelta(hours=1)).holds(LATER)


# Looking again.


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (DifferenceKind.MISSING_HERE, (line(), None), (line(), ours())),
        (DifferenceKind.MISSING_THERE, (None, ours()), (line(), ours())),
        (DifferenceKind.AMOUNT_DIFFERS, (line(), ours(amount=9)), (line(amount=9), ours(amount=9))),
        (
            DifferenceKind.STATE_DIFFERS,
            (line(), ours(standing=Standing.OPEN)),
            (line(), ours()),
        ),
    ],
)
def test_a_difference_is_gone_when_both_sides_agree(
    kind: DifferenceKind,
    before: tuple[StatementLine | None, OurRecord | None],
    after: tuple[StatementLine | None, OurRecord | None],
) -> None:
    assert not is_gone(kind, *before)
    assert is_gone(kind, *after)


def test_what_the_provider_takes_back_is_gone_but_a_doubled_line_needs_a_new_reading() -> None:
    assert is_gone(DifferenceKind.MISSING_HERE, None, None)
    assert not is_gone(DifferenceKind.DOUBLED_THERE, line(), ours())


def test_one_difference_that_is_gone_leaves_the_other() -> None:
    here = ours(standing=Standing.OPEN)

    assert is_gone(DifferenceKind.AMOUNT_DIFFERS, line(), here)
    assert not is_gone(DifferenceKind.STATE_DIFFERS, line(), here)


# Remedies.


def difference(kind: DifferenceKind, flow: Flow, **said: Any) -> Difference:
    made = Difference(flow=flow, id="E1", kind=kind, ours=1, theirs=1, settled_at=NOON)
    return replace(made, **said)


@pytest.mark.parametrize("flow", list(Flow))
def test_only_money_that_came_is_filed(flow: Flow) -> None:
    came = flow in {Flow.RECEIVED, Flow.RETURNED}
    missing = difference(DifferenceKind.MISSING_HERE, flow)

    assert remedy_of(missing, None) is (Remedy.FILE if came else Remedy.NONE)


def test_an_order_is_asked_about_if_it_is_open_and_of_the_same_amount() -> None:
    differs = difference(DifferenceKind.STATE_DIFFERS, Flow.SENT)

    assert remedy_of(differs, ours(standing=Standing.OPEN)) is Remedy.ENQUIRE
    assert remedy_of(differs, ours(standing=Standing.NOT_SETTLED)) is Remedy.NONE
    assert remedy_of(replace(differs, theirs=2), ours(standing=Standing.OPEN)) is Remedy.NONE


@pytest.mark.parametrize(
    "kind",
    [
        DifferenceKind.MISSING_THERE,
        DifferenceKind.AMOUNT_DIFFERS,
        DifferenceKind.DOUBLED_THERE,
    ],
)
def test_everything_else_is_for_a_person(kind: DifferenceKind) -> None:
    for flow in Flow:
        assert remedy_of(difference(kind, flow), ours(flow=flow)) is Remedy.NONE


# The life of a difference.


def test_a_new_one_is_an_alarm_unless_something_was_done() -> None:
    assert advance(None, DifferenceEvent.SEEN) is DifferenceState.OPEN
    assert advance(None, DifferenceEvent.REMEDIED) is DifferenceState.HEALING
    assert advance(None, DifferenceEvent.GONE) is None


@pytest.mark.parametrize("state", list(DifferenceState))
def test_one_that_is_seen_again_stays_one(state: DifferenceState) -> None:
    back = {DifferenceState.HEALED: DifferenceState.OPEN}

    assert advance(state, DifferenceEvent.SEEN) is back.get(state, state)


def test_an_operators_word_is_the_last_one() -> None:
    for event in DifferenceEvent:
        after = advance(DifferenceState.RESOLVED, event)
        assert after in {None, DifferenceState.RESOLVED}
    assert not [before for before, _ in TRANSITIONS if before is DifferenceState.RESOLVED]


def test_what_has_not_healed_in_time_is_an_alarm() -> None:
    assert advance(DifferenceState.HEALING, DifferenceEvent.OVERDUE) is DifferenceState.OPEN
    assert advance(DifferenceState.OPEN, DifferenceEvent.OVERDUE) is None
