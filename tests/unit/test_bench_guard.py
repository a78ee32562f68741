"""`bench payments --only guard`: what is read from the platform's own histogram."""

import pytest

from fluxiq.commands.bench_payments.guard import buckets_of, quantile
from fluxiq.telemetry.metrics import Metrics


def test_the_guards_histogram_is_read_as_it_is_told() -> None:
    metrics = Metrics(process=False)
    for ispb, credential, seconds in (
        ("12345678", "key", 0.00015),
        ("87654321", "key", 0.00035),
        ("12345678", "token", 0.5),
    ):
        metrics.observe_guard(ispb, credential, seconds)

    exposition = metrics.exposition().decode()
    by_key, by_token = buckets_of(exposition, "key"), buckets_of(exposition, "token")
    assert (by_key[0.0001], by_key[0.0002], by_key[0.0004], by_key[float("inf")]) == (0, 1, 2, 2)
    assert (by_token[0.1], by_token[float("inf")]) == (0, 1)
    assert buckets_of(exposition, "other") == {}


@pytest.mark.parametrize(
    ("share", "seconds"), [(0.25, 0.05), (0.5, 0.1), (0.75, 0.2), (1.0, 0.3), (0.0, 0.0)]
)
def test_a_quantile_is_between_the_bounds_of_its_bucket(share: float, seconds: float) -> None:
    assert quantile({0.1: 50.0, 0.3: 100.0, float("inf"): 100.0}, share) == pytest.approx(seconds)


def test_what_took_longer_than_the_last_bound_is_told_as_that_bound() -> None:
    assert quantile({0.1: 0.0, 0.3: 1.0, float("inf"): 100.0}, 0.5) == 0.3
