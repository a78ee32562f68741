"""Sends home the tasks of actors that have had no mail for a while: an idle actor needs none."""

from collections.abc import Callable
from typing import Protocol

import trio

LINGER_SECONDS = 5.0

CallAt = Callable[[float, Callable[[], None]], Callable[[], bool]]


class Lingering(Protocol):
    """An actor whose task may be parked."""

    turns: int

    def dismiss(self) -> None:
        """Let the task end, if it waits for mail."""


class IdleTasks:
    """Looks every LINGER_SECONDS at who has not moved since; costs nothing per message."""

    def __init__(self) -> None:
        self._seen: dict[Lingering, int] = {}
        self._armed = False

    def add(self, actor: Lingering, call_at: CallAt) -> None:
        self._seen[actor] = -1
        if not self._armed:
            self._armed = True
            call_at(trio.current_time() + LINGER_SECONDS, lambda: self._look(call_at))

    def discard(self, actor: Lingering) -> None:
        self._seen.pop(actor, None)

    def _look(self, call_at: CallAt) -> None:
        for actor, turns in list(self._seen.items()):
            if actor.turns == turns:
                actor.dismiss()
            else:
                self._seen[actor] = actor.turns
        self._armed = bool(self._seen)
        if self._armed:
            call_at(trio.current_time() + LINGER_SECONDS, lambda: self._look(call_at))
