"""Merkle trees as in RFC 6962 (2.1) and RFC 9162 (2.1.3): SHA-256, leaves and nodes told apart.

The prefixes keep a node from being passed off as a leaf. An odd node moves up as it is, which gives
the very tree of the RFC: it splits at the largest power of two below the number of leaves.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


def leaf_hash(data: bytes) -> bytes:
    return sha256(_LEAF + data).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; of no leaves, the hash of nothing."""
    level = list(leaves)
    if not level:
        return sha256(b"").digest()

    while len(level) > 1:
        level = _above(level)
    return level[0]


class Tree:
    """All of a tree, for many paths in it. `leaves` are hashes, at least one."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        assert leaves, "a tree with paths has leaves"
        self._levels = [list(leaves)]
        while len(self._levels[-1]) > 1:
            self._levels.append(_above(self._levels[-1]))

    @property
    def root(self) -> bytes:
        return self._levels[-1][0]

    def path(self, index: int) -> list[bytes]:
        """What is needed beside the leaf at `index` to come to the root, from the bottom up."""
        assert 0 <= index < len(self._levels[0]), "the leaf is one of these"
        path = []
        for level in self._levels[:-1]:
            neighbour = index ^ 1
            if neighbour < len(level):
                path.append(level[neighbour])
            index //= 2
        return path


def root_by(path: Sequence[bytes], leaf: bytes, index: int, count: int) -> bytes | None:
    """The root to which `path` leads from the leaf at `index` of `count`; None when it has not the
    length that such a tree gives it.
    """
    if not 0 <= index < count:
        return None

    here, last, rest = leaf, count - 1, iter(path)
    while last > 0:
        if index % 2 or index < last:
            neighbour = next(rest, None)
            if neighbour is None:
                return None
            here = _node(neighbour, here) if index % 2 else _node(here, neighbour)
        index, last = index // 2, last // 2
    return here if next(rest, None) is None else None


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node(left, right) for left, right in pairs]
    return [*above, level[-1]] if len(level) % 2 else above
