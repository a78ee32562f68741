"""The supervision tree on a websocket: whole, then in patches, at the reader's own speed.

A patch is made when the one before it was written, so a slow reader gets one over all it missed,
and no queue of patches can run full. Who subscribes again gets the whole tree again.
"""

from contextlib import aclosing

import trio

from fluxiq.api.live_client import LiveClient, frame
from fluxiq.ports.operations import OperationsDesk, Operator
from fluxiq.services.messages.operations.tree import tree_told


class TreeTeller:
    """Tells one client. `run` works until it is cancelled; `begin` and `stop` say what at."""

    def __init__(self, client: LiveClient, desk: OperationsDesk | None) -> None:
        self._client = client
        self._desk = desk
        self._operator: Operator | None = None
        self._turn = trio.CancelScope()
        self._asked = trio.Event()

    def begin(self, operator: Operator) -> None:
        """The whole tree, and what happens from then on. Asked again: the whole tree again."""
        self._change(operator)

    def stop(self) -> None:
        if self._operator is not None:
            self._change(None)

    async def run(self) -> None:
        while True:
            await self._asked.wait()
            self._asked = trio.Event()
            with trio.CancelScope() as self._turn:
                await self._tell(self._operator)

    async def _tell(self, operator: Operator | None) -> None:
        if operator is None or self._desk is None:
            return
        async with aclosing(self._desk.watch_tree(operator)) as changes:
            async for change in changes:
                self._client.offer(frame(tree_told(change)))
                await self._client.emptied()

    def _change(self, operator: Operator | None) -> None:
        self._operator = operator
        self._asked.set()
        self._turn.cancel()
