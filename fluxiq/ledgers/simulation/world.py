"""What one seed draws: which faults strike and how often, and what time it is."""

import hashlib
import random
from collections import Counter
from typing import Final

import trio
import trio.testing

SECOND_NS: Final = 1_000_000_000
# How often each fault of a seed strikes, as a multiple of its usual chance.
APPETITES: Final = (0.0, 0.0, 0.5, 1.0, 1.0, 3.0)


class World:
    """`faulty` is on in the safety phase, off in the liveness phase. `nursery` outlives every
    simulated process: what is on its way there goes on when its sender has died.
    """

    def __init__(self, seed: int, clock: trio.testing.MockClock) -> None:
        self.random = random.Random(seed)  # noqa: S311 - not a secret
        self.clock = clock
        self.faulty = True
        self.calm = trio.Event()
        self.faults: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.grid: list[tuple[str, ...]] = []
        self.steps = 0
        self._appetites: dict[str, float] = {}
        self._wall_offset_ns = 10**18
        self._jumps: list[tuple[float, float]] = []
        self._hash = hashlib.sha256()
        self._nursery: trio.Nursery | None = None

    @property
    def nursery(self) -> trio.Nursery:
        assert self._nursery is not None, "the world has not begun"
        return self._nursery

    @nursery.setter
    def nursery(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    def become_calm(self) -> None:
        self.faulty = False
        self.calm.set()

    # Chance

    def strikes(self, fault: str, chance: float) -> bool:
        """Say whether a fault happens now."""
        if not self.faulty:
            return False
        if fault not in self._appetites:
            self._appetites[fault] = self.random.choice(APPETITES)
        if self.random.random() >= chance * self._appetites[fault]:
            return False
        self.faults[fault] += 1
        return True

    def seconds(self, least: float, most: float) -> float:
        return self.random.uniform(least, most)

    # Time

    def wall_ns(self) -> int:
        """What the servers' clocks show."""
        return self._wall_offset_ns + int(trio.current_time() * SECOND_NS)

    def jump_wall(self, seconds: float) -> None:
        self._wall_offset_ns += int(seconds * SECOND_NS)

    def jump(self, seconds: float) -> None:
        """Let the time go by at once, as a machine that was suspended sees it."""
        self._jumps.append((trio.current_time(), seconds))
        self.clock.jump(seconds)

    def jumped_since(self, began: float) -> float:
        """Seconds that nobody had a chance to use."""
        return sum(seconds for at, seconds in self._jumps if at >= began)

    # The record

    def note(self, place: str, what: str, why: str = "") -> None:
        """A row of the grid, and of the trace."""
        row = (f"{trio.current_time():.6f}", place, what, why)
        self.events[what.partition(" ")[0]] += 1
        self.grid.append(row)
        self._hash.update("|".join(row).encode())

    def trace(self) -> str:
        return self._hash.hexdigest()[:16]
