"""What the platform says, brought into the model; a platform that is gone is waited for."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import trio

from fluxiq.admin.client import ask, watch
from fluxiq.admin.observer.model import Link, Model, OutOfStep
from fluxiq.admin.protocol import TreeView
from fluxiq.errors import FluxiqError, Unavailable

RETRY_SECONDS = (0.25, 0.5, 1.0, 2.0)  # the last one again and again
POLL_SECONDS = 2.0
SILENT_SECONDS_MAX = 3.0  # for an answer that a platform which turns gives in no time

THERE = (Link.LIVE, Link.SILENT)

FindSocket = Callable[[], Path]


class Feed:
    """`changed` is called after everything that the screen may want to show."""

    def __init__(self, find_socket: FindSocket, model: Model, changed: Callable[[], None]) -> None:
        self._find_socket = find_socket
        self._model = model
        self._changed = changed

    async def follow(self) -> None:
        """Keep the model as the platform is, until cancelled."""
        failures = 0
        while True:
            try:
                await self._watch_once()
            except OutOfStep:
                failures = 0  # whatever went wrong, a fresh tree puts it right
            except (FluxiqError, msgspec.ValidationError) as error:
                failures = 0 if self._model.link in THERE else failures
                self._model.set_link(Link.LOST, trio.current_time(), str(error))
                self._changed()
            await trio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
            failures += 1

    async def _watch_once(self) -> None:
        """Until the platform hangs up, which the client raises."""
        async with aclosing(watch(self._find_socket())) as changes:
            async for change in changes:
                now = trio.current_time()
                if isinstance(change, TreeView):
                    self._model.replace(change, now)
                else:
                    self._model.change(change, now)
                self._changed()

    async def poll(self) -> None:
        """Ask for what no diff tells; no answer means that the platform's loop is stuck."""
        while True:
            await trio.sleep(POLL_SECONDS)
            model = self._model
            if model.link not in THERE:
                continue
            link, waiting = Link.LIVE, model.admission_waiting
            with trio.move_on_after(SILENT_SECONDS_MAX) as scope:
                waiting = await self._admission()
            if scope.cancelled_caught:
                link = Link.SILENT
            if waiting is not None:
                model.set_admission(waiting)
            if model.link is not link and model.link in THERE:
                model.set_link(link, trio.current_time())
            self._changed()

    async def _admission(self) -> int | None:
        try:
            root = self._model.children("")[0]
            told = await self.ask("statistics", name=root)
            return msgspec.convert(told["admission"]["waiting"], int)
        except Unavailable:
            return None  # `follow` will say so
        except (FluxiqError, LookupError, TypeError, msgspec.ValidationError):
            return None  # a platform that does not tell: nothing is shown

    async def ask(self, verb: str, **arguments: Any) -> Any:
        """The answer to a verb. Raises FluxiqError."""
        return await ask(self._find_socket(), verb, **arguments)
