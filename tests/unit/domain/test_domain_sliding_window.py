"""The rate limit's arithmetic: at most so many in any window, however they come."""

import random

import pytest

from fluxiq.domain.sliding_window import Counted, Window, count

MINUTE = 60_000
START = 28_333_334 * MINUTE


def use(window: Window | None, limit: int, now_ms: int) -> tuple[Window, Counted]:
    [after], [counted] = count([window], [limit], MINUTE, now_ms)
    return after, counted


def test_uses_are_counted_down_to_a_refusal_that_says_when() -> None:
    window, answers = None, []
    for _ in range(4):
        window, counted = use(window, 3, START)
        answers.append(counted)
    assert [one.allowed for one in answers] == [True, True, True, False]
    assert [one.remaining for one in answers] == [2, 1, 0, 0]
    assert {one.reset_at_ms for one in answers[:3]} == {START + MINUTE}


def test_a_use_that_one_limit_refuses_is_counted_in_none() -> None:
    windows: list[Window | None] = [None, None]
    for _ in range(5):
        after, counted = count(windows, [2, 10], MINUTE, START)
        windows = [*after]
    assert [one.allowed for one in counted] == [False, True]
    assert [window and window.count for window in windows] == [2, 2]
    assert counted[1].remaining == 8


@pytest.mark.parametrize("seed", range(50))
def test_a_refused_use_fits_at_the_reset_and_not_a_millisecond_before(seed: int) -> None:
    draw = random.Random(seed)
    limit, window, now = draw.randrange(1, 50), None, START + draw.randrange(MINUTE)
    for _ in range(300):
        now += draw.randrange(0, 2 * MINUTE // limit)
        window, counted = use(window, limit, now)
        if not counted.allowed:
            assert not use(window, limit, counted.reset_at_ms - 1)[1].allowed
            assert use(window, limit, counted.reset_at_ms)[1].allowed


def test_a_bucket_left_alone_for_two_windows_is_empty() -> None:
    window, _ = use(Window(START // MINUTE, 10, 10), 10, START + 2 * MINUTE)
    assert window == Window(START // MINUTE + 2, 1, 0)
