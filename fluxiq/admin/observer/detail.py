"""The detail screen: one process in the order that an operator asks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from fluxiq.admin.observer.columns import notes, tone
from fluxiq.admin.observer.frame import Line, Span, Tone, line
from fluxiq.admin.observer.model import Known
from fluxiq.admin.observer.rows import Page
from fluxiq.admin.observer.text import Look, duration, fit, quantity, wrap

LINES_MAX = 2000  # of one section: the stack of a whole supervisor can be long


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    path: str
    incarnation: int
    seconds_ago: float
    reason: str
    exception: tuple[str, ...] = ()


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `inspect`, of what is shown here."""

    spec: dict[str, Any]
    mailbox: dict[str, int] | None
    mailbox_head: tuple[str, ...]
    stack: tuple[str, ...]
    events: tuple[EventView, ...]


@dataclass(slots=True)
class Detail:
    """What was asked about one process, and answered `asked_at`; `fault` says why nothing was."""

    path: str
    asked_at: float = 0.0
    inspection: Inspection | None = None
    why: tuple[EventView, ...] = ()
    fault: str = ""
    drawn: tuple[object, list[Line]] = (None, [])  # the answer's lines, for one width


def detail_lines(page: Page, detail: Detail) -> list[Line]:
    """The process's own line, and what was answered about it, from where it is scrolled to."""
    known = page.model.nodes.get(detail.path)
    title = fit(detail.path, max(0, page.width - 12), page.look, keep_end=True).rstrip()
    lines: list[Line] = [line(f"{title}  Esc: back", Tone.HEADING)]
    body = [*_state(page, known, detail), *_answer(page, detail)]
    room = page.height - len(lines)
    page.view.scrolled = max(0, min(page.view.scrolled, len(body) - room))
    return lines + body[page.view.scrolled : page.view.scrolled + room]


def _state(page: Page, known: Known | None, detail: Detail) -> Iterator[Line]:
    """What the tree says now, however old the rest is."""
    if known is None:
        yield line("it is not in the tree any more; below is what was last known", Tone.ALARM)
    else:
        view, now = known.view, page.now
        words = f" for {duration(known.seconds_in_state(now))}"
        words += f", incarnation {view.incarnation}, {view.restarts} restarts"
        if view.handled is not None:
            words += f", mailbox {view.mailbox or 0}, {quantity(known.rate(now))} msg/s"
        yield (Span(known.state, tone(known) if known.is_well else Tone.TROUBLE), Span(words))
        if not known.is_well and (said := notes(known, now)):
            for text in wrap(said, page.width - 2, page.look):
                yield line(f"  {text}", Tone.TROUBLE)
        for name, value in view.facts.items():
            yield line(f"{name}: {value}")
    if detail.fault:
        yield line(f"not answered: {detail.fault}", Tone.TROUBLE)


def _answer(page: Page, detail: Detail) -> list[Line]:
    asked = detail.inspection
    if asked is None:
        return [] if detail.fault else [line("asking ...", Tone.QUIET)]
    key = (asked, page.width, page.look)
    if detail.drawn[0] is None or detail.drawn[0] != key:
        detail.drawn = (key, list(_sections(asked, detail.why, page.width, page.look)))
    age = duration(page.now - detail.asked_at)
    return [line(f"asked {age} ago; u asks again", Tone.QUIET), *detail.drawn[1]]


def _sections(
    asked: Inspection, why: tuple[EventView, ...], width: int, look: Look
) -> Iterator[Line]:
    def section(title: str, lines: Iterator[str], when_empty: str = "") -> Iterator[Line]:
        found = [one for text in lines for one in wrap(text, width - 2, look, indent="    ")]
        if not found and not when_empty:
            return
        yield ()
        yield line(title, Tone.TITLE)
        for text in found[:LINES_MAX] or [when_empty]:
            yield line(f"  {text}")
        if len(found) > LINES_MAX:
            yield line(f"  and {len(found) - LINES_MAX} more lines", Tone.QUIET)

    yield from section("Why", _chain(why), "nothing has happened to it since it started")
    yield from section("Last events, newest first", _events(asked.events))
    if asked.mailbox is not None:
        yield from section("Mailbox", _mailbox(asked.mailbox, asked.mailbox_head))
    yield from section("Waits in", iter(asked.stack))
    yield from section("Spec", _pairs(asked.spec))


def _chain(why: tuple[EventView, ...]) -> Iterator[str]:
    for number, event in enumerate(why):
        yield from _event(event, "because " if number else "")


def _events(events: tuple[EventView, ...]) -> Iterator[str]:
    for event in reversed(events):
        yield from _event(event, "")


def _event(event: EventView, lead: str) -> Iterator[str]:
    ago = duration(event.seconds_ago)
    yield f"{lead}{event.kind} {event.path} #{event.incarnation}, {ago} ago: {event.reason}"
    yield from (f"    {text}" for text in event.exception)


def _mailbox(counts: Mapping[str, int], head: tuple[str, ...]) -> Iterator[str]:
    yield ", ".join(f"{name} {number}" for name, number in counts.items())
    yield f"first in it: {', '.join(head) or 'nothing'}"


def _pairs(spec: Mapping[str, Any]) -> Iterator[str]:
    yield ", ".join(f"{name}={value}" for name, value in spec.items())
