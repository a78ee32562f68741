"""`ports.operations.OperationsDesk` for the API's twin: it answers what a test has laid ready."""

from collections.abc import AsyncGenerator
from typing import Any

import trio

from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.operations import OperationsDesk, Operator


class TwinDesk(OperationsDesk):
    """`answers` by verb, an exception is raised; `asked` are those who asked, for what, with which
    arguments. `changes` are what a watcher is told, one after the other.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[Operator, str, dict[str, Any]]] = []
        self.changes: list[dict[str, Any]] = []
        self.watchers: list[Operator] = []

    async def look(self, operator: Operator, verb: str, /, **arguments: Any) -> Any:
        await trio.lowlevel.checkpoint()
        self.asked.append((operator, verb, arguments))
        if verb not in self.answers:
            raise Unavailable("desk", f"nobody laid an answer ready for {verb}")
        answer = self.answers[verb]
        if isinstance(answer, Refused | Unavailable):
            raise answer
        return answer

    async def act(self, operator: Operator, verb: str, /, *, reason: str, **arguments: Any) -> Any:
        return await self.look(operator, verb, reason=reason, **arguments)

    async def watch_tree(self, operator: Operator) -> AsyncGenerator[dict[str, Any], None]:
        self.watchers.append(operator)
        for change in self.changes:
            await trio.lowlevel.checkpoint()
            yield change
        await trio.sleep_forever()
