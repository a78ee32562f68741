"""Every series that can belong to one institution says to which: over the registry as it is."""

from fluxiq.telemetry.metrics import Metrics

# Why a series has no institution. A new one gets the label, or a line here.
PLATFORMS_OWN = {
    "ledger_circuit_breaker_state": "one breaker for all institutions of the process",
    "nats_messages": "its subject begins with the institution",
}


def test_every_series_has_the_label_institution_or_a_reason_for_none() -> None:
    without = set()
    seen = 0
    for collector in Metrics(process=False).registry._collector_to_names:
        for family in collector.describe() if hasattr(collector, "describe") else ():
            seen += 1
            if "institution" not in getattr(collector, "_labelnames", ()):
                without.add(family.name)

    assert seen > 20
    assert without == set(PLATFORMS_OWN)
