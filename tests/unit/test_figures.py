"""The arithmetic of benchmarks."""

import pytest

from fluxiq.commands.figures import latencies, percentile


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_a_percentile_is_a_sample_that_so_many_do_not_exceed(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_of_one_sample_every_percentile_is_that_sample() -> None:
    assert {percentile([7.0], share) for share in (0.01, 0.5, 0.99)} == {7.0}


def test_latencies_are_milliseconds() -> None:
    figures = latencies("x", [0.001, 0.002])

    assert [figure.name for figure in figures] == ["x, p50", "x, p95", "x, p99"]
    assert [figure.value for figure in figures] == [1.0, 2.0, 2.0]
