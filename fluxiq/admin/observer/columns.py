"""The columns of tree and table: what they show, how wide, and what sorting by them means."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from fluxiq.admin.observer.frame import Tone
from fluxiq.admin.observer.model import Known
from fluxiq.admin.observer.text import duration, quantity

Order: TypeAlias = float | str

WIDE = 120  # columns of a terminal that has room for more than the essential
NAME_COLUMNS_MIN = 36  # beside the notes; alone, it has what is left


@dataclass(frozen=True, slots=True)
class Column:
    """`order` is what it is sorted by, and `most_first` the direction that one wants to see.

    `fades`: the order changes with time alone, without any news.
    """

    title: str
    width: int
    text: Callable[[Known, float], str]
    order: Callable[[Known, float], Order]
    right: bool = True
    most_first: bool = True
    wide_only: bool = False
    fades: bool = False


def _path(known: Known, _now: float) -> str:
    return known.view.path


def _state(known: Known, _now: float) -> str:
    return known.state


def _since(known: Known, now: float) -> float:
    return known.seconds_in_state(now)


def _restarts(known: Known, _now: float) -> float:
    return known.view.restarts


def _incarnation(known: Known, _now: float) -> float:
    return known.view.incarnation


def _mailbox(known: Known, _now: float) -> float:
    return -1 if known.view.handled is None else known.view.mailbox or 0


def _rate(known: Known, now: float) -> float:
    return -1 if known.view.handled is None else known.rate(now)


def _handled(known: Known, _now: float) -> float:
    return -1 if known.view.handled is None else known.view.handled


def _kind(known: Known, _now: float) -> str:
    return known.view.strategy or known.view.kind


def notes(known: Known, now: float) -> str:
    """Why it is not well; else the facts that it tells about itself."""
    view = known.view
    if known.is_well:
        return " ".join(f"{name}={value}" for name, value in view.facts.items())
    due = known.seconds_until_due(now)
    again = "" if due is None else f"again in {duration(due)}: "
    return again + (view.reason or (view.last_exit or ""))


def _number(of: Callable[[Known, float], float]) -> Callable[[Known, float], str]:
    """Nothing to count, as in a supervisor without a mailbox, is a dash and sorts below zero."""

    def text(known: Known, now: float) -> str:
        number = of(known, now)
        return "-" if number < 0 else quantity(number)

    return text


def _age(known: Known, now: float) -> str:
    return duration(_since(known, now))


NAME = Column("PROCESS", 0, _path, _path, right=False, most_first=False)  # takes what is left
NOTES = Column("NOTES", 0, notes, notes, right=False, most_first=False, wide_only=True)
COLUMNS: tuple[Column, ...] = (
    NAME,
    Column("KIND", 12, _kind, _kind, right=False, most_first=False, wide_only=True),
    Column("STATE", 11, _state, _state, right=False, most_first=False),
    Column("FOR", 4, _age, _since, most_first=False),
    Column("RST", 4, _number(_restarts), _restarts),
    Column("INC", 4, _number(_incarnation), _incarnation, wide_only=True),
    Column("MBOX", 5, _number(_mailbox), _mailbox),
    Column("MSG/S", 6, _number(_rate), _rate, fades=True),
    Column("HANDLED", 8, _number(_handled), _handled),
    NOTES,
)

STATE_TONES = {
    "running": Tone.PLAIN,
    "done": Tone.QUIET,
    "suspended": Tone.HELD,
    "quarantined": Tone.TROUBLE,
    "backing_off": Tone.MOVING,
}


def tone(known: Known) -> Tone:
    return STATE_TONES.get(known.state, Tone.MOVING)


def shown(width: int) -> tuple[Column, ...]:
    """The columns that a terminal of this width has room for."""
    return tuple(one for one in COLUMNS if width >= WIDE or not one.wide_only)


def widths(columns: tuple[Column, ...], width: int) -> tuple[int, ...]:
    """What each takes, a column between two; the name, and the notes beside it, share the rest."""
    rest = width - sum(one.width for one in columns) - (len(columns) - 1)
    name = max(NAME_COLUMNS_MIN, rest // 2) if NOTES in columns else rest
    own = {NAME.title: name, NOTES.title: max(0, rest - name)}
    return tuple(own.get(one.title, one.width) for one in columns)
