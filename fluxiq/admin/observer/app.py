"""The observer at work: keys and news come in, at most ten frames a second go out."""

import signal
from collections.abc import AsyncIterator
from typing import assert_never

import msgspec
import trio

from fluxiq.admin.observer.control import Act, Ask, Control, Quit, Redraw, Wish
from fluxiq.admin.observer.detail import Detail, EventView, Inspection
from fluxiq.admin.observer.feed import Feed, FindSocket
from fluxiq.admin.observer.frame import Tone, update
from fluxiq.admin.observer.keys import Keyboard
from fluxiq.admin.observer.model import Model
from fluxiq.admin.observer.screen import draw
from fluxiq.admin.observer.terminal import CLEAR, CONTROLLING_TERMINAL, Terminal
from fluxiq.admin.observer.text import Look
from fluxiq.admin.observer.view import Screen
from fluxiq.errors import FluxiqError

FRAME_SECONDS = 0.1
TICK_SECONDS = 1.0  # ages and rates move without news
ASK_SECONDS = 1.0  # between two questions about the process in detail, while it changes
DEEDS_MAX = 8  # under way at once: one that is stuck must not keep the operator from the next

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OTHER_SIGNALS = (signal.SIGWINCH, signal.SIGCONT, signal.SIGTSTP)
BY_SIGNAL = 128  # plus its number: the exit status that shells make of it


async def observe(
    find_socket: FindSocket,
    look: Look,
    *,
    read_only: bool,
    terminal_path: str = CONTROLLING_TERMINAL,
) -> int:
    """Show the platform until the operator, a signal or a hang-up ends it; the exit status.

    The signals are listened to before the terminal is taken, and until it is given back.
    """
    with (
        trio.open_signal_receiver(*SIGNALS, *OTHER_SIGNALS) as signals,
        Terminal.open(terminal_path) as terminal,
    ):
        return await Observer(find_socket, look, terminal, read_only=read_only).run(signals)


class Observer:
    """One session."""

    def __init__(
        self, find_socket: FindSocket, look: Look, terminal: Terminal, *, read_only: bool
    ) -> None:
        self._look = look
        self._terminal = terminal
        self._model = Model()
        self._control = Control(self._model, read_only=read_only)
        self._feed = Feed(find_socket, self._model, self._on_news)
        self._dirty = trio.Event()
        self._shown: list[str] = []
        self._size = (0, 0)
        self._status = 0
        self._asking = False
        self._asked_view: object = None
        self._deeds = 0

    async def run(self, signals: AsyncIterator[int]) -> int:
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._obey, signals)
            self._nursery.start_soon(self._feed.follow)
            self._nursery.start_soon(self._feed.poll)
            self._nursery.start_soon(self._read_keys)
            self._nursery.start_soon(self._draw)
        return self._status

    def _quit(self, status: int, why: str) -> None:
        self._status = status
        self._nursery.cancel_scope.cancel(reason=why)

    async def _obey(self, signals: AsyncIterator[int]) -> None:
        async for number in signals:
            if number in SIGNALS:
                self._quit(BY_SIGNAL + number, signal.Signals(number).name)
            elif number == signal.SIGCONT:
                self._terminal.begin()
                self._shown = []
            self._dirty.set()

    # Keys

    async def _read_keys(self) -> None:
        keyboard = Keyboard()
        while True:
            data: bytes | None = None
            with trio.move_on_after(keyboard.patience):
                data = await self._terminal.read()
            if data == b"":
                self._quit(BY_SIGNAL + signal.SIGHUP, "the terminal has hung up")
                return
            for key in keyboard.flush() if data is None else keyboard.feed(data):
                wish = self._control.press(key, trio.current_time())
                if wish is not None:
                    self._grant(wish)
            self._dirty.set()

    def _grant(self, wish: Wish) -> None:
        match wish:
            case Quit():
                self._quit(0, "the operator quit")
            case Redraw():
                self._shown = []
            case Ask():
                self._ask_anew()
            case Act():
                self._begin_deed(wish)
            case _:
                assert_never(wish)

    # Deeds

    def _begin_deed(self, wish: Act) -> None:
        if self._deeds >= DEEDS_MAX:
            self._say(f"{DEEDS_MAX} deeds are under way already", Tone.TROUBLE)
            return
        self._deeds += 1
        self._say(f"{wish.deed.verb} {wish.path}: asked ...", Tone.MOVING)
        self._nursery.start_soon(self._carry_out, wish)

    async def _carry_out(self, wish: Act) -> None:
        what = f"{wish.deed.verb} {wish.path}"
        try:
            await self._feed.ask(wish.deed.verb, name=wish.path, reason=wish.reason, yes=True)
        except FluxiqError as error:
            self._say(f"{what}: {error}", Tone.TROUBLE)
        else:
            self._say(f"{what}: done", Tone.TITLE)
        finally:
            self._deeds -= 1

    def _say(self, text: str, tone: Tone) -> None:
        self._control.say(text, tone, trio.current_time())
        self._dirty.set()

    # The process in detail

    def _on_news(self) -> None:
        self._dirty.set()
        detail = self._control.detail
        if detail is None or self._control.view.screen is not Screen.DETAIL:
            return
        known = self._model.nodes.get(detail.path)
        if known is not None and known.view is not self._asked_view:
            self._ask_anew()

    def _ask_anew(self) -> None:
        """One question at a time; what changes meanwhile is asked about after it."""
        if not self._asking:
            self._asking = True
            self._nursery.start_soon(self._ask)

    async def _ask(self) -> None:
        detail = self._control.detail
        assert detail is not None
        known = self._model.nodes.get(detail.path)
        self._asked_view = None if known is None else known.view
        try:
            await self._answer(detail)
            self._dirty.set()
            await trio.sleep(ASK_SECONDS)
        finally:
            self._asking = False
        if self._control.detail is not detail:
            self._ask_anew()  # another one was opened meanwhile

    async def _answer(self, detail: Detail) -> None:
        try:
            told = await self._feed.ask("inspect", name=detail.path)
            why = await self._feed.ask("why", name=detail.path)
            detail.inspection = msgspec.convert(told, Inspection)
            detail.why = msgspec.convert(why, tuple[EventView, ...])
            detail.fault, detail.asked_at = "", trio.current_time()
        except (FluxiqError, msgspec.ValidationError) as error:
            detail.fault = str(error)

    # Frames

    async def _draw(self) -> None:
        """Whatever happened since the last frame is one frame; only rows that differ are sent."""
        while True:
            self._dirty = trio.Event()
            try:
                await self._draw_once()
            except trio.BrokenResourceError:
                self._quit(BY_SIGNAL + signal.SIGHUP, "the terminal has hung up")
                return
            await trio.sleep(FRAME_SECONDS)
            with trio.move_on_after(TICK_SECONDS - FRAME_SECONDS):
                await self._dirty.wait()

    async def _draw_once(self) -> None:
        size = self._terminal.size()
        clear = "" if self._shown and size == self._size else CLEAR
        before = [] if clear else self._shown
        rows = draw(self._control, self._look, *size, trio.current_time())
        self._shown, self._size = rows, size
        text = clear + update(before, rows)
        if text:
            await self._terminal.write(text)
