"""What the operator is asked, or types, on the line above the keys."""

from dataclasses import dataclass
from enum import StrEnum

from fluxiq.admin.observer.deeds import Deed
from fluxiq.admin.observer.frame import Line, Span, Tone
from fluxiq.admin.observer.keys import Key, Typed
from fluxiq.admin.observer.text import Look, cells, clean, fit

REASON_CHARACTERS_MAX = 500  # the platform refuses longer ones
FILTER_CHARACTERS_MAX = 100
CURSOR = "_"


@dataclass(slots=True)
class Filter:
    """A filter that is being typed, and the one before it, for Esc."""

    text: str
    before: str


class Stage(StrEnum):
    SURE = "sure"
    REASON = "reason"


@dataclass(slots=True)
class Confirmation:
    """A deed to this path, and no other: what is selected may change meanwhile."""

    deed: Deed
    path: str
    state: str
    stage: Stage = Stage.SURE
    text: str = ""


def edited(text: str, key: Key | Typed, characters_max: int) -> str:
    """The text after a key."""
    match key:
        case Typed(typed, _):
            return (text + typed)[:characters_max]
        case Key.BACKSPACE:
            return text[:-1]
        case Key.ERASE_LINE:
            return ""
        case _:
            return text


def prompt_line(prompt: Filter | Confirmation, width: int, look: Look) -> Line:
    """The question in full, and as much of the end of what was typed as there is room for."""
    if isinstance(prompt, Filter):
        return (Span("filter: ", Tone.TITLE), Span(_typed(prompt.text, width - 8, look)))
    verb = prompt.deed.verb
    if prompt.stage is Stage.SURE:
        ends = f" ({prompt.state})? y: yes, else: no"
        room = width - len(verb) - len(ends) - 2
        path = fit(prompt.path, min(room, len(prompt.path)), look, keep_end=True)
        return (Span(f"{verb} {path}{ends}", Tone.ALARM),)
    question = f"{verb}: why? (may be empty; Enter: do it, Esc: do not) "
    return (Span(question, Tone.ALARM), Span(_typed(prompt.text, width - len(question), look)))


def _typed(text: str, room: int, look: Look) -> str:
    text = clean(text, look)
    if cells(text) + 1 > room:
        text = fit(text, max(0, room - 1), look, keep_end=True)
    return text + CURSOR
