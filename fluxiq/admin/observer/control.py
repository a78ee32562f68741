"""From keys to what happens: the view changes here, everything else is handed back as a wish."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from fluxiq.admin.observer.deeds import BY_KEY, Deed, refusal
from fluxiq.admin.observer.detail import Detail
from fluxiq.admin.observer.frame import Tone
from fluxiq.admin.observer.keys import Key, Typed
from fluxiq.admin.observer.model import Model
from fluxiq.admin.observer.prompt import (
    FILTER_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    Confirmation,
    Filter,
    Stage,
    edited,
)
from fluxiq.admin.observer.view import Screen, View

MESSAGE_SECONDS_MIN = 3.0  # an outcome is not wiped away by a key that was under way


class Quit(NamedTuple):
    pass


class Redraw(NamedTuple):
    """Draw everything: the screen may have been spoilt by somebody else."""


class Ask(NamedTuple):
    path: str


class Act(NamedTuple):
    deed: Deed
    path: str
    reason: str


Wish: TypeAlias = Quit | Redraw | Ask | Act


@dataclass(frozen=True, slots=True)
class Message:
    text: str
    tone: Tone
    at: float


_NAMES = {
    "k": Key.UP,
    "j": Key.DOWN,
    "h": Key.LEFT,
    "l": Key.RIGHT,
    "g": Key.HOME,
    "G": Key.END,
    "q": Key.INTERRUPT,
}


class Control:
    """The state of a session at the screen: the view, the line that asks, the last message."""

    def __init__(self, model: Model, *, read_only: bool) -> None:
        self.model = model
        self.view = View()
        self.read_only = read_only
        self.prompt: Filter | Confirmation | None = None
        self.message: Message | None = None
        self.detail: Detail | None = None
        self.width, self.page = 80, 20  # columns, and rows of a page; the screen says

    def say(self, text: str, tone: Tone, now: float) -> None:
        self.message = Message(text, tone, now)

    @property
    def target(self) -> str:
        """The path that a deed would be done to."""
        in_detail = self.view.screen is Screen.DETAIL and self.detail is not None
        return self.detail.path if in_detail and self.detail else self.view.selected

    def press(self, key: Key | Typed, now: float) -> Wish | None:
        """What the key does to the view is done; what else it asks for is returned."""
        if key is Key.INTERRUPT:
            return Quit()
        if key is Key.REDRAW:
            return Redraw()
        if isinstance(self.prompt, Filter):
            self._type_filter(self.prompt, key)
            return None
        if isinstance(self.prompt, Confirmation):
            return self._confirm(self.prompt, key, now)
        if isinstance(key, Typed) and key.pasted:
            return None  # whatever it was, it was not meant as a row of commands
        if self.message is not None and now - self.message.at >= MESSAGE_SECONDS_MIN:
            self.message = None
        return self._command(key, now)

    # While something is typed

    def _type_filter(self, prompt: Filter, key: Key | Typed) -> None:
        if key is Key.ENTER:
            self.prompt = None
        elif key is Key.ESCAPE:
            self.prompt, self.view.filter = None, prompt.before
        elif key in (Key.UP, Key.DOWN):
            self.prompt = None
        else:
            prompt.text = edited(prompt.text, key, FILTER_CHARACTERS_MAX)
            self.view.filter = prompt.text

    def _confirm(self, prompt: Confirmation, key: Key | Typed, now: float) -> Wish | None:
        if prompt.stage is Stage.SURE:
            if key == Typed("y"):
                prompt.stage = Stage.REASON
            else:
                self._call_off(prompt, now)
        elif key is Key.ENTER:
            self.prompt = None
            return Act(prompt.deed, prompt.path, prompt.text.strip())
        elif key is Key.ESCAPE:
            self._call_off(prompt, now)
        else:
            prompt.text = edited(prompt.text, key, REASON_CHARACTERS_MAX)
        return None

    def _call_off(self, prompt: Confirmation, now: float) -> None:
        self.prompt = None
        self.say(f"no {prompt.deed.verb}: nothing was done", Tone.QUIET, now)

    # Commands

    def _command(self, key: Key | Typed, now: float) -> Wish | None:
        if isinstance(key, Typed):
            if key.text in BY_KEY:
                self._begin(BY_KEY[key.text], now)
                return None
            key = _NAMES.get(key.text, key)
        if key is Key.INTERRUPT:
            return Quit()
        everywhere: dict[Key | Typed, Callable[[], None]] = {
            Typed("?"): self._show_help,
            Typed("/"): self._begin_filter,
            Key.ESCAPE: self._escape,
            Key.TAB: self._other_list,
        }
        if key in everywhere:
            everywhere[key]()
            return None
        if self.view.screen in (Screen.DETAIL, Screen.HELP):
            return self._scroll(key)
        return self._list_command(key, now)

    def _scroll(self, key: Key | Typed) -> Wish | None:
        steps = {Key.UP: -1, Key.DOWN: 1, Key.PAGE_UP: -self.page, Key.PAGE_DOWN: self.page}
        ends = {Key.HOME: 0, Key.END: 1_000_000}
        if isinstance(key, Key) and key in steps:
            self.view.scrolled = max(0, self.view.scrolled + steps[key])
        elif isinstance(key, Key) and key in ends:
            self.view.scrolled = ends[key]
        elif key is Key.LEFT or key is Key.BACKSPACE:
            self.view.back()
        elif key == Typed("u") and self.detail is not None and self.view.screen is Screen.DETAIL:
            return Ask(self.detail.path)
        return None

    def _list_command(self, key: Key | Typed, now: float) -> Wish | None:
        view, model = self.view, self.model
        steps = {Key.UP: -1, Key.DOWN: 1, Key.PAGE_UP: -self.page, Key.PAGE_DOWN: self.page}
        steps |= {Key.HOME: -len(model.nodes), Key.END: len(model.nodes)}
        if isinstance(key, Key) and key in steps:
            view.move(steps[key], model, now)
            return None
        if key is Key.ENTER and view.selected:
            self.detail = Detail(view.selected)
            view.open(Screen.DETAIL)
            return Ask(view.selected)
        if isinstance(key, Typed) and key.text in ("n", "N"):
            if not view.next_trouble(model, now, 1 if key.text == "n" else -1):
                self.say("every process is well", Tone.QUIET, now)
            return None
        changes = self._sorts() if view.screen is Screen.TABLE else self._folds()
        if key in changes:
            changes[key]()
        return None

    def _folds(self) -> dict[Key | Typed, Callable[[], None]]:
        view, model = self.view, self.model
        return {
            Key.LEFT: lambda: view.fold(model),
            Key.RIGHT: lambda: view.unfold(model),
            Typed("z"): lambda: view.fold_all(model),
            Typed("Z"): view.unfold_all,
        }

    def _sorts(self) -> dict[Key | Typed, Callable[[], None]]:
        view = self.view
        return {
            Typed("<"): lambda: view.sort_by_neighbour(-1, self.width),
            Typed(">"): lambda: view.sort_by_neighbour(1, self.width),
            Typed("o"): view.reverse,
        }

    def _begin(self, deed: Deed, now: float) -> None:
        if self.view.screen is Screen.HELP:
            return
        path = self.target
        why_not = refusal(deed, path, self.model, read_only=self.read_only)
        if why_not:
            self.say(f"no {deed.verb} of {path.rpartition('/')[2]}: {why_not}", Tone.TROUBLE, now)
        else:
            self.message = None
            self.prompt = Confirmation(deed, path, self.model.nodes[path].state)

    def _begin_filter(self) -> None:
        self.view.back()
        self.prompt = Filter(self.view.filter, self.view.filter)

    def _show_help(self) -> None:
        self.view.open(Screen.HELP)

    def _other_list(self) -> None:
        other = Screen.TABLE if self.view.list_screen is Screen.TREE else Screen.TREE
        self.view.show_list(other)

    def _escape(self) -> None:
        if self.view.screen in (Screen.DETAIL, Screen.HELP):
            self.view.back()
        else:
            self.view.filter = ""
