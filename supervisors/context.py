"""What a running child knows of the tree around it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import trio

from supervisors.events import EventKind

if TYPE_CHECKING:
    from supervisors.registry import Ref
    from supervisors.tree import Tree


class Host(Protocol):
    """The runtime's side of a context."""

    path: str
    name: str
    incarnation: int
    shutdown: float

    @property
    def tree(self) -> "Tree": ...

    @property
    def killed(self) -> trio.Event: ...

    def ready(self, value: object) -> None: ...

    def report(self, facts: dict[str, object]) -> None: ...

    def fault(self, kind: EventKind, reason: str) -> None: ...

    async def turn(self) -> None: ...

    def on_stop(self, hook: Callable[[str], None]) -> None: ...

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]: ...

    def monitor(self, name: str) -> None: ...

    def join(self, group: str) -> None: ...

    def leave(self, group: str) -> None: ...


class Context:
    """Handed to a child's start. `incarnation` counts its starts: 1, 2, …"""

    __slots__ = ("_host",)

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def path(self) -> str:
        """Where the child is: "root/institutions/12345678/ledger_writer"."""
        return self._host.path

    @property
    def name(self) -> str:
        """What the child is called by."""
        return self._host.name

    @property
    def incarnation(self) -> int:
        return self._host.incarnation

    @property
    def tree(self) -> "Tree":
        return self._host.tree

    @property
    def shutdown(self) -> float:
        """How long (seconds) the child may take to stop."""
        return self._host.shutdown

    @property
    def killed(self) -> trio.Event:
        """Set when the tree no longer waits: after the stop limit, or in a stop at once.

        For cleanup that shields itself from cancellation, and should then cut itself short.
        """
        return self._host.killed

    def ready(self, value: object = None) -> None:
        """Say that the child does its work now; `value` is what start_child returns.

        Only the first call counts.
        """
        self._host.ready(value)

    def report(self, **facts: object) -> None:
        """Add small facts to the child's node in the snapshot, such as address or pid."""
        self._host.report(facts)

    def ref(self, name: str) -> "Ref":
        return self._host.tree.ref(name)

    def fault(self, kind: EventKind, reason: str) -> None:
        """Report an event about this child."""
        self._host.fault(kind, reason)

    async def turn(self) -> None:
        """Begin a round of a worker that is no actor: at once, or when its suspension is over.

        A worker that calls this before each round can be suspended by an operator.
        """
        await self._host.turn()

    def on_stop(self, hook: Callable[[str], None]) -> None:
        """Call `hook(reason)` for an ordered stop instead of cancelling the child.

        The hook must return at once and make the child end; after the stop limit the child is
        cancelled all the same.
        """
        self._host.on_stop(hook)

    def monitor(self, name: str) -> None:
        """Send a Down to this actor's handle_info when the process called `name` ends."""
        self._host.monitor(name)

    def join(self, group: str) -> None:
        """Be a member of a group of processes, until the end of this incarnation or `leave`."""
        self._host.join(group)

    def leave(self, group: str) -> None:
        self._host.leave(group)

    def call_at(self, when: float, action: Callable[[], None]) -> Callable[[], bool]:
        """Run a short synchronous action at a time on trio's clock.

        The returned function takes it back, and says whether it was in time.
        """
        return self._host.call_at(when, action)
