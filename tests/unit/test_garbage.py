"""What a start has made is set aside from the collector, and given back."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from fluxiq import garbage


class Knot:
    def __init__(self) -> None:
        self.itself = self


def test_what_exists_is_not_walked_until_the_end_of_the_block() -> None:
    kept = Knot()
    with garbage.started():
        assert gc.get_freeze_count() > 0
        assert not any(one is kept for one in gc.get_objects())
        later = Knot()
        assert any(one is later for one in gc.get_objects())
    assert gc.get_freeze_count() == 0
    assert any(one is kept for one in gc.get_objects())


def test_it_is_given_back_when_the_block_fails() -> None:
    with pytest.raises(ValueError, match="why"), garbage.started():
        raise ValueError("why")
    assert gc.get_freeze_count() == 0


class Clock:
    """CPU that a test spends by saying so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def nothing_by_itself() -> Iterator[None]:
    """Collections happen when a test says so, and begin with nothing set aside."""
    gc.disable()
    gc.unfreeze()
    yield
    gc.unfreeze()
    gc.enable()


def collected(staying: garbage.Staying, clock: Clock, seconds: float) -> None:
    """A full collection that takes so long."""
    oldest = {"generation": 2}
    staying.heard("start", oldest)
    gc.collect()
    clock.now += seconds
    staying.heard("stop", oldest)


def test_what_survived_a_long_collection_is_set_aside_and_a_short_one_changes_nothing(
    nothing_by_itself: None,
) -> None:
    gc.freeze()
    clock = Clock()
    staying = garbage.Staying(clock)
    before = gc.get_freeze_count()
    kept = [Knot() for _ in range(100)]
    collected(staying, clock, garbage.PAUSE_SECONDS / 2)
    assert gc.get_freeze_count() <= before
    collected(staying, clock, garbage.PAUSE_SECONDS)
    assert gc.get_freeze_count() >= before + len(kept)


def test_younger_generations_are_none_of_its_business(nothing_by_itself: None) -> None:
    gc.freeze()
    clock = Clock()
    staying = garbage.Staying(clock)
    before = gc.get_freeze_count()
    kept = [Knot()]
    staying.heard("start", {"generation": 1})
    clock.now += 1.0
    staying.heard("stop", {"generation": 1})
    assert gc.get_freeze_count() == before
    assert kept


def test_cycles_that_died_aside_are_freed_once_it_has_doubled(
    nothing_by_itself: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fear: websockets that came and went would stay in memory for ever."""
    gc.collect()
    died = [weakref.ref(Knot()) for _ in range(50)]
    gc.freeze()
    clock = Clock()
    staying = garbage.Staying(clock)
    collected(staying, clock, garbage.PAUSE_SECONDS)
    assert all(one() is not None for one in died), "aside, and not looked at"

    monkeypatch.setattr(garbage, "FREE_OBJECTS", -gc.get_freeze_count())  # once is enough
    collected(staying, clock, garbage.PAUSE_SECONDS)
    assert all(one() is None for one in died)
    assert gc.get_freeze_count() > 0, "what lives is aside again"


def test_a_block_that_ends_hears_no_more() -> None:
    with garbage.started():
        assert len(gc.callbacks) > 0
        mine = gc.callbacks[-1]
    assert mine not in gc.callbacks
