"""Rounds: every contender of a row is measured in turn, again and again, in one run.

A shared machine changes its speed within seconds. So the contenders alternate (A B C A B C …), a
share is the median of the shares of the rounds, and the note of a row gives its spread.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from fluxiq.commands.figures import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure: `rounds` of each contender; `quick` is for looking at the shape."""

    rounds: int
    quick: bool

    def count(self, full: int, quick: int) -> int:
        """Return how many operations a round has."""
        return quick if self.quick else full


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to do it. `measure` runs one round and returns a value in the row's unit."""

    name: str
    measure: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """A peer that this machine does not have; `note` says how to get it."""

    name: str
    note: str


class Samples:
    """The values of each contender, by round."""

    def __init__(self, unit: str, absent: Sequence[Absent]) -> None:
        self._unit = unit
        self._absent = absent
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)

    def row(self, name: str, aim: str = "", holds: Callable[[float], bool] | None = None) -> Figure:
        """Return the median of one contender."""
        values = self._values[name]
        value = median(values)
        return Figure(
            name=name,
            value=value,
            unit=self._unit,
            aim=aim,
            holds=None if holds is None else holds(value),
            note=_spread(values),
        )

    def others(self, *told: str) -> list[Figure]:
        """Return a row for each contender not told yet, and for each peer that is not there."""
        rows = [self.row(name) for name in self._values if name not in told]
        return rows + [
            Figure(name=one.name, value=None, unit=self._unit, note=one.note)
            for one in self._absent
        ]

    def share(
        self, name: str, of: str, aim: str = "", holds: Callable[[float], bool] | None = None
    ) -> Figure:
        """Return the median of the shares that `name` had of `of`, round by round."""
        shares = self.shares(name, of)
        value = median(shares)
        return Figure(
            name=f"{name}: share of {of.partition(':')[0]}",
            value=value,
            unit="",
            aim=aim,
            holds=None if holds is None else holds(value),
            note=_spread(shares),
        )

    def shares(self, name: str, of: str) -> list[float]:
        pairs = zip(self._values[name], self._values[of], strict=True)
        return [own / other for own, other in pairs]


def in_turns(unit: str, contenders: Sequence[Contender | Absent], rounds: int) -> Samples:
    """Measure every contender once a round. Garbage of one is not collected at another's cost."""
    samples = Samples(unit, [one for one in contenders if isinstance(one, Absent)])
    for _ in range(rounds):
        for one in contenders:
            if isinstance(one, Contender):
                gc.collect()
                samples.add(one.name, one.measure())
    return samples


def at_least(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


def at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return "one round"
    return f"{_short(min(values))} to {_short(max(values))} in {len(values)} rounds"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 -- three digits
