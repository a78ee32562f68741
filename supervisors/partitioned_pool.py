"""Partitioned pools: several actors of one kind, and every key always with the same one.

So the messages of one key are handled in order, and a slow key holds up its partition alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from zlib import crc32

from supervisors.errors import InvalidSpec, SupervisionError
from supervisors.registry import CAST_WAIT_SECONDS_MAX, Ref
from supervisors.snapshot import Node
from supervisors.spec import ChildSpec, Strategy, SupervisorSpec

if TYPE_CHECKING:
    from supervisors.tree import Tree

PARTITIONS_MAX = 10_000


class InvalidKey(SupervisionError):
    """A message was sent with a key that cannot be routed."""

    def __init__(self, path: str, key: object) -> None:
        super().__init__(f"{path}: the key is a {type(key).__name__}; a str or bytes is needed")
        self.path = path


class PartitionedPool:
    """`partitions` actors made by `template("0")`, `template("1")`, … below the given path.

    Put `spec()` there, and send through `ref(tree)`. Raises InvalidSpec.
    """

    def __init__(self, path: str, partitions: int, template: Callable[[str], ChildSpec]) -> None:
        whole = isinstance(partitions, int) and not isinstance(partitions, bool)
        if not whole or not 1 <= partitions <= PARTITIONS_MAX:
            problem = f"{partitions!r} must be a whole number from 1 to {PARTITIONS_MAX}"
            raise InvalidSpec(path, "partitions", problem)
        self.path = path
        self.partitions = partitions
        self._template = template

    def spec(self, **fields: Any) -> SupervisorSpec:
        """Return the pool's supervisor; `fields` are SupervisorSpec's."""
        return SupervisorSpec(
            id=self.path.rpartition("/")[2],
            strategy=Strategy.ONE_FOR_ONE,
            children=[self._partition(str(number)) for number in range(self.partitions)],
            **fields,
        )

    def ref(self, tree: "Tree") -> "PoolRef":
        return PoolRef(tree, self)

    def partition_of(self, key: str | bytes) -> int:
        """Return the key's partition: the same in every process and version. Raises InvalidKey."""
        if isinstance(key, str):
            return crc32(key.encode("utf-8", "surrogatepass")) % self.partitions
        if isinstance(key, bytes):
            return crc32(key) % self.partitions
        raise InvalidKey(self.path, key)

    def _partition(self, number: str) -> ChildSpec:
        spec = self._template(number)
        place = f"{self.path}/{number}"
        if not isinstance(spec, ChildSpec):
            raise InvalidSpec(place, "template", f"gave a {type(spec).__name__}, not a ChildSpec")
        if spec.id != number:
            raise InvalidSpec(place, "id", f"{spec.id!r} is not the one its template was given")
        if spec.name is not None:
            raise InvalidSpec(place, "name", f"{spec.name!r}: partitions are found by their path")
        return spec


class PoolRef:
    """A pool in a running tree. Each message goes to the partition of its key."""

    __slots__ = ("_pool", "_refs", "_tree")

    def __init__(self, tree: "Tree", pool: PartitionedPool) -> None:
        below_root = pool.path.partition("/")[2]
        self._tree = tree
        self._pool = pool
        self._refs = [tree.ref(f"{below_root}/{number}") for number in range(pool.partitions)]

    def __repr__(self) -> str:
        return f"PoolRef({self._pool.path!r})"

    def ref_of(self, key: str | bytes) -> Ref:
        """Return the key's partition. Raises InvalidKey, as all below."""
        return self._refs[self._pool.partition_of(key)]

    async def call(self, key: str | bytes, message: Any, *, timeout: float) -> Any:  # noqa: ASYNC109 -- as Ref.call
        """Send a message and return its answer; limits and errors are those of `Ref.call`."""
        return await self.ref_of(key).call(message, timeout=timeout)

    async def cast(
        self,
        key: str | bytes,
        message: Any,
        *,
        timeout: float = CAST_WAIT_SECONDS_MAX,  # noqa: ASYNC109 -- as Ref.cast
    ) -> bool:
        """Send a message without waiting for an answer, as `Ref.cast` does."""
        return await self.ref_of(key).cast(message, timeout=timeout)

    def cast_nowait(self, key: str | bytes, message: Any) -> bool:
        """Send a message now or not at all, as `Ref.cast_nowait` does."""
        return self.ref_of(key).cast_nowait(message)

    def statistics(self) -> tuple[Node, ...]:
        """Return the partitions' nodes, in order: state, restarts, mailbox counts."""
        nodes = {node.path: node for node in self._tree.snapshot().nodes}
        paths = [f"{self._pool.path}/{number}" for number in range(self._pool.partitions)]
        return tuple(nodes[path] for path in paths if path in nodes)
