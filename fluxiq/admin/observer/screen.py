"""The whole screen: two lines on top, the tree, table, detail or help, a line that tells, keys."""

from collections.abc import Iterator, Mapping

from fluxiq.admin.observer.columns import STATE_TONES, notes
from fluxiq.admin.observer.control import Control
from fluxiq.admin.observer.deeds import DEEDS, refusal
from fluxiq.admin.observer.detail import detail_lines
from fluxiq.admin.observer.frame import Line, Span, Tone, line, paint, toned
from fluxiq.admin.observer.help import help_lines
from fluxiq.admin.observer.model import Model
from fluxiq.admin.observer.prompt import prompt_line
from fluxiq.admin.observer.rows import Page
from fluxiq.admin.observer.table import table_lines
from fluxiq.admin.observer.text import Look, duration, quantity
from fluxiq.admin.observer.tree import tree_lines
from fluxiq.admin.observer.view import Screen

WIDTH_MIN, HEIGHT_MIN = 60, 10
AROUND = 4  # lines that are not the body


def draw(control: Control, look: Look, width: int, height: int, now: float) -> list[str]:
    """Exactly `height` rows of exactly `width` columns."""
    if width < WIDTH_MIN or height < HEIGHT_MIN:
        lines: list[Line] = [line(f"needs {WIDTH_MIN}x{HEIGHT_MIN}, has {width}x{height}; q: quit")]
    else:
        lines = _lines(control, look, width, height, now)
    filled = [*lines[:height], *((),) * (height - len(lines))]
    return [paint(one, width, look) for one in filled]


def _lines(control: Control, look: Look, width: int, height: int, now: float) -> list[Line]:
    model = control.model
    page = Page(model, control.view, look, width, height - AROUND, now)
    control.width, control.page = width, page.height - 1
    body = _body(page, control)[: page.height]
    body += [()] * (page.height - len(body))
    if not model.is_live:
        # The last picture stays, grey: nobody may take it for the present.
        body = [toned(one, Tone.QUIET) if one else one for one in body]
    return [
        _status(control, look, now),
        _census(model),
        *body,
        _told(control, page),
        _keys(control),
    ]


def _body(page: Page, control: Control) -> list[Line]:
    if control.view.screen is Screen.HELP:
        return help_lines(page, read_only=control.read_only)
    if control.view.screen is Screen.DETAIL and control.detail is not None:
        return detail_lines(page, control.detail)
    return table_lines(page) if control.view.screen is Screen.TABLE else tree_lines(page)


def _status(control: Control, look: Look, now: float) -> Line:
    model, bar = control.model, f" {look.glyphs.bar} "
    if not model.is_live:
        words = f"{str(model.link).upper()} for {duration(now - model.link_since)}"
        reason = f": {model.link_reason}" if model.link_reason else ""
        return line(f"FluxiQ{bar}{words}, trying again{reason}", Tone.ALARM)

    told = [str(model.link), f"revision {model.revision}"]
    if model.admission_waiting is not None:
        told.append(f"admission queue {model.admission_waiting}")
    told.append(f"{quantity(model.throughput(now))} msg/s")
    if control.read_only:
        told.append("READ ONLY")
    spans = [Span("FluxiQ", Tone.TITLE), Span(bar + bar.join(told))]
    if model.closed_phases:
        spans.append(Span(f"{bar}DRAINED: {', '.join(model.closed_phases)}", Tone.TROUBLE))
    return spans


def _census(model: Model) -> Line:
    """How many of what: the institutions first, then every process."""
    institutions = model.institutions()
    spans = []
    if institutions:
        spans = [*_counted("institution", "institutions", institutions), Span("; ")]
    return [*spans, *_counted("process", "processes", model.states())]


def _counted(one: str, many: str, states: Mapping[str, int]) -> Iterator[Span]:
    total = sum(states.values())
    yield Span(f"{total} {one if total == 1 else many}: ")
    for place, (state, number) in enumerate(states.items()):
        yield Span(", " if place else "")
        yield Span(f"{number} {state}", STATE_TONES.get(state, Tone.MOVING))


def _told(control: Control, page: Page) -> Line:
    """What is asked, or happened, or is to be said about the selected process."""
    if control.prompt is not None:
        return prompt_line(control.prompt, page.width, page.look)
    if control.message is not None:
        return line(control.message.text, control.message.tone)
    view, model = control.view, control.model
    known = model.nodes.get(view.selected)
    if known is None or view.screen in (Screen.DETAIL, Screen.HELP):
        return ()
    name, own = known.view.path, Tone.PLAIN
    if not known.is_well:
        name, own = known.view.id, Tone.TROUBLE  # the room is for the reason
    said = f" {notes(known, page.now)}"
    return (Span(name, Tone.KEY), Span(said, own))


def _keys(control: Control) -> Line:
    """What to press next, of what makes sense here."""
    spans: list[Span] = []
    for key, what in (("?", "help"), ("q", "quit"), *_own_keys(control), *_deed_keys(control)):
        spans += [Span(" " if spans else ""), Span(key, Tone.KEY), Span(f":{what}")]
    return spans


def _own_keys(control: Control) -> list[tuple[str, str]]:
    if control.view.screen is Screen.HELP:
        return [("Esc", "back")]
    if control.view.screen is Screen.DETAIL:
        return [("Esc", "back"), ("u", "ask again")]
    if control.view.screen is Screen.TABLE:
        return [("Enter", "open"), ("Tab", "tree"), ("/", "filter"), ("<>", "sort")]
    troubles = [("n", "unwell")] if control.model.has_troubles() else []
    return [("Enter", "open"), ("Tab", "table"), ("/", "filter"), *troubles]


def _deed_keys(control: Control) -> list[tuple[str, str]]:
    path = control.target
    if control.read_only or control.view.screen is Screen.HELP:
        return []
    return [
        (deed.key, deed.verb)
        for deed in DEEDS
        if not refusal(deed, path, control.model, read_only=control.read_only)
    ]
