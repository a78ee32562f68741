"""Partitioned pools: one key, one partition, in order; a slow key holds up nobody else's."""

from typing import Any

import pytest
import trio

from supervisors import Actor, Caller, ChildSpec, InvalidSpec, Strategy
from supervisors.partitioned_pool import InvalidKey, PartitionedPool
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle


class Teller(Actor):
    """Answers after the seconds asked for, and keeps the order."""

    def __init__(self, number: str, handled: list[tuple[str, object]]) -> None:
        self.number = number
        self.handled = handled

    async def handle_call(self, message: Any, caller: Caller) -> object:
        if message == "crash":
            raise CrashOnCommand("as told")
        await self.handle_cast(message)
        return self.number

    async def handle_cast(self, message: Any) -> None:
        await trio.sleep(message)
        self.handled.append((self.number, message))


@pytest.fixture
def handled() -> list[tuple[str, object]]:
    return []


@pytest.fixture
def pool(handled: list[tuple[str, object]]) -> PartitionedPool:
    def teller(number: str) -> ChildSpec:
        return Teller.spec(number, handled, id=number, backoff=EXACT)

    return PartitionedPool("root/tellers", 4, teller)


def keys_of(pool: PartitionedPool, partition: int) -> list[str]:
    return [key for key in map(str, range(100)) if pool.partition_of(key) == partition]


async def test_every_key_is_answered_by_its_partition(lab: Lab, pool: PartitionedPool) -> None:
    async with lab.open(lab.supervisor(pool.spec())) as tree:
        tellers = pool.ref(tree)
        answers = {key: await tellers.call(key, 0, timeout=1) for key in map(str, range(40))}
    assert answers == {key: str(pool.partition_of(key)) for key in answers}
    assert set(answers.values()) == {"0", "1", "2", "3"}


def test_partition_of_a_key_never_changes(pool: PartitionedPool) -> None:
    # Written down: another Python, hash seed or machine must come to the same.
    keys = ["", "12345678", "conta-é", b"\x00\xff", "\ud800"]
    assert [pool.partition_of(key) for key in keys] == [0, 3, 0, 2, 0]
    assert pool.partition_of("12345678") == pool.partition_of(b"12345678")


def test_keys_are_spread_over_all_partitions(pool: PartitionedPool) -> None:
    counts = [0] * 4
    for number in range(4000):
        counts[pool.partition_of(f"{number:08}")] += 1
    assert min(counts) > 900


async def test_messages_of_one_key_are_handled_in_order(
    lab: Lab, pool: PartitionedPool, handled: list[tuple[str, object]]
) -> None:
    async with lab.open(lab.supervisor(pool.spec())) as tree:
        tellers = pool.ref(tree)
        waits = [0.5, 0.1, 0.4, 0.2]
        for wait in waits:
            assert await tellers.cast("a key", wait)
        assert tellers.cast_nowait("a key", 0.3)
        await settle(10)
    assert handled == [(str(pool.partition_of("a key")), wait) for wait in (*waits, 0.3)]


async def test_slow_key_holds_up_its_own_partition_only(lab: Lab, pool: PartitionedPool) -> None:
    ends: dict[str, float] = {}
    slow, same, *_ = keys_of(pool, 1)
    others = [keys_of(pool, partition)[0] for partition in (0, 2, 3)]

    async with lab.open(lab.supervisor(pool.spec())) as tree:
        tellers = pool.ref(tree)

        async def ask(key: str, seconds: float) -> None:
            await tellers.call(key, seconds, timeout=100)
            ends[key] = lab.now()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, slow, 10)
            await settle()
            for key in (same, *others):
                nursery.start_soon(ask, key, 1)
    assert ends == {slow: 10, same: 11, **dict.fromkeys(others, 1)}


async def test_crash_of_a_partition_leaves_the_others_running(
    lab: Lab, pool: PartitionedPool
) -> None:
    async with lab.open(lab.supervisor(pool.spec(max_restarts=1))) as tree:
        tellers = pool.ref(tree)
        key = keys_of(pool, 2)[0]
        with pytest.raises(Exception, match="CrashOnCommand"):
            await tellers.call(key, "crash", timeout=1)
        await settle(2)
        assert await tellers.call(key, 0, timeout=1) == "2"
        nodes = tellers.statistics()
        assert [node.path for node in nodes] == [f"root/tellers/{n}" for n in range(4)]
        assert [node.restarts for node in nodes] == [0, 0, 1, 0]
        mailboxes = [node.mailbox for node in nodes if node.mailbox is not None]
        assert [counts.handled for counts in mailboxes] == [0, 0, 1, 0]
        assert [counts.dead_lettered for counts in mailboxes] == [0, 0, 1, 0]


def test_pool_is_one_for_one_and_takes_a_supervisors_fields(pool: PartitionedPool) -> None:
    spec = pool.spec(max_restarts=7)
    assert (spec.id, spec.strategy, spec.max_restarts) == ("tellers", Strategy.ONE_FOR_ONE, 7)


def test_key_that_is_neither_text_nor_bytes_is_refused(pool: PartitionedPool) -> None:
    with pytest.raises(InvalidKey, match="root/tellers: the key is a int"):
        pool.partition_of(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("partitions", [0, -1, 2.0, True, 10_001, "4"])
def test_wrong_number_of_partitions_is_refused(partitions: Any) -> None:
    with pytest.raises(InvalidSpec, match=r"root/a: partitions .* must be a whole number from 1"):
        PartitionedPool("root/a", partitions, lambda number: Teller.spec(id=number))


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (lambda _number: Teller.spec("", [], id="x"), "root/a/0: id 'x' is not the one"),
        (lambda _number: None, "root/a/0: template gave a NoneType, not a ChildSpec"),
        (lambda n: Teller.spec("", [], id=n, name="own"), "root/a/0: name 'own': partitions are"),
    ],
)
def test_template_that_does_not_fit_is_refused(template: Any, problem: str) -> None:
    with pytest.raises(InvalidSpec, match=problem):
        PartitionedPool("root/a", 2, template).spec()
