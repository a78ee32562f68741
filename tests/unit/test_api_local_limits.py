"""Limits of one process alone: bounded in number, and forgetting whoever was away longest."""

from fluxiq.api.local_limits import LocalLimits


def test_both_allowances_are_counted_and_the_answers_say_who_counted() -> None:
    limits = LocalLimits(lambda: 0)
    answers = [limits.allow_all([("key", 3), ("address", 2)], 60) for _ in range(3)]
    assert [[one.allowed for one in both] for both in answers] == [
        [True, True],
        [True, True],
        [True, False],
    ]
    assert all(one.local for both in answers for one in both)
    assert [one.reset_at for one in answers[0]] == [60, 60]


def test_of_too_many_buckets_the_one_asked_for_longest_ago_is_forgotten() -> None:
    limits = LocalLimits(lambda: 0, buckets_max=2)
    limits.allow_all([("old", 1)], 60)
    limits.allow_all([("kept", 1)], 60)
    limits.allow_all([("kept", 1)], 60)
    limits.allow_all([("new", 1)], 60)
    assert len(limits) == 2
    assert not limits.allow_all([("kept", 1)], 60)[0].allowed
    assert limits.allow_all([("old", 1)], 60)[0].allowed
