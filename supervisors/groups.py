"""Process groups: who belongs together now, as a snapshot and then its changes."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import trio


class GroupChange(NamedTuple):
    """What a group's watcher learns; the first one has all members as `joined`."""

    members: tuple[str, ...]
    joined: tuple[str, ...]
    left: tuple[str, ...]


class Group:
    """Processes by name, in the order in which they joined. A process that ends has left."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._members: dict[str, None] = {}
        self._changed = trio.Event()

    def members(self) -> tuple[str, ...]:
        return tuple(self._members)

    async def watch(self) -> AsyncIterator[GroupChange]:
        """Yield the members, then each change. A slow watcher gets several changes as one."""
        seen: tuple[str, ...] = ()
        first = True
        while True:
            changed, members = self._changed, self.members()
            if first or members != seen:
                joined = tuple(name for name in members if name not in seen)
                left = tuple(name for name in seen if name not in members)
                yield GroupChange(members, joined, left)
                first, seen = False, members
            else:
                await changed.wait()

    def add(self, name: str) -> None:
        if name not in self._members:
            self._members[name] = None
            self._tell()

    def discard(self, name: str) -> None:
        if name in self._members:
            del self._members[name]
            self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, trio.Event()
        changed.set()


class Groups:
    """All groups of a tree, made when first named."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._of: dict[str, set[str]] = {}  # the groups of each process

    def group(self, name: str) -> Group:
        return self._groups.setdefault(name, Group(name))

    def join(self, name: str, group: str) -> None:
        self.group(group).add(name)
        self._of.setdefault(name, set()).add(group)

    def leave(self, name: str, group: str) -> None:
        self.group(group).discard(name)
        self._of.get(name, set()).discard(group)

    def leave_all(self, name: str) -> None:
        for group in self._of.pop(name, ()):
            self.group(group).discard(name)
