"""Metrics: the names of the product's surface, in a registry of their own."""

import prometheus_client
from prometheus_client.parser import text_string_to_metric_families

from fluxiq.telemetry.metrics import Metrics

SURFACE = {
    "fluxiq_http_requests_total": {"method", "path", "status", "institution"},
    "fluxiq_http_request_duration_seconds": {"method", "path", "institution"},
    "fluxiq_guard_seconds": {"institution", "credential"},
    "fluxiq_pix_transactions_total": {"type", "status", "institution"},
    "fluxiq_pix_transaction_amount_total": {"type", "status", "institution"},
    "fluxiq_active_connections": {"institution"},
    "ledger_operations_total": {"backend", "status", "institution"},
    "ledger_operation_duration_seconds": {"backend", "institution"},
    "ledger_active_backend": {"backend", "institution"},
    "ledger_backend_health": {"backend", "institution"},
    "ledger_fallback_total": {"institution"},
    "ledger_mirror_behind_transfers": {"institution"},
    "ledger_circuit_breaker_state": set(),
    "jobs_total": {"kind", "state", "institution"},
    "job_duration_seconds": {"kind", "institution"},
    "jobs_waiting": {"kind", "institution"},
    "jobs_oldest_seconds": {"kind", "institution"},
    "fluxiq_webhook_attempts_total": {"outcome", "answer", "institution"},
    "fluxiq_webhook_attempt_duration_seconds": {"institution"},
    "fluxiq_webhook_latency_seconds": {"institution"},
    "fluxiq_webhook_deliveries_waiting": {"state", "institution"},
    "fluxiq_webhook_oldest_due_seconds": {"institution"},
    "fluxiq_webhook_endpoints": {"status", "institution"},
    "fluxiq_webhook_breakers_open": {"institution"},
    "fluxiq_event_delivery_lag_seconds": {"kind", "institution"},
    "fluxiq_outbox_due": {"institution"},
    "nats_messages_total": {"stream", "subject"},
    "pg_connections_active": {"institution"},
    "pg_query_duration_seconds": {"institution"},
}


def fed() -> Metrics:
    metrics = Metrics(process=False)
    metrics.observe_http("GET", "/x/{id}", 200, "12345678", 0.002)
    metrics.observe_guard("12345678", "key", 0.0002)
    metrics.observe_pix("12345678", "in", "paid", 15000)
    metrics.observe_ledger("12345678", "postgres", {"created": 3}, 0.001)
    metrics.show_ledger_backend("12345678", "postgres", ["tigerbeetle", "postgres"])
    metrics.show_ledger_health("12345678", {"tigerbeetle": False, "postgres": True})
    metrics.ledger_fallbacks.labels("12345678").inc()
    metrics.ledger_mirror_behind.labels("12345678").set(40)
    metrics.ledger_breaker.set(1)
    metrics.observe_job("12345678", "charges.expire", "completed", 0.002)
    metrics.show_backlog("12345678", "charges.expire", 2, 0.5)
    metrics.connections.labels("12345678").inc()
    metrics.observe_delivery("12345678", "delivered", 204, 0.02)
    metrics.webhook_latency.labels("12345678").observe(0.1)
    metrics.webhooks_waiting.labels("12345678", "due").set(3)
    metrics.webhooks_oldest.labels("12345678").set(1.5)
    metrics.webhook_endpoints.labels("12345678", "enabled").set(2)
    metrics.webhook_breakers.labels("12345678").set(1)
    metrics.event_lag.labels("12345678", "events").observe(0.01)
    metrics.outbox_due.labels("12345678").set(0)
    metrics.nats_messages.labels("FLUXIQ", "FLUXIQ.12345678.pix.in").inc()
    metrics.pg_connections.labels("12345678").set(8)
    metrics.pg_seconds.labels("12345678").observe(0.001)
    return metrics


def test_names_and_labels_are_the_surfaces_own() -> None:
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(fed().exposition().decode()):
        for sample in family.samples:
            name = sample.name
            for tail in ("_bucket", "_sum", "_count"):
                name = name.removesuffix(tail) if family.type == "histogram" else name
            labels.setdefault(name, set()).update(set(sample.labels) - {"le"})
    assert labels == SURFACE


def test_centavos_and_operations_add_up() -> None:
    metrics = fed()
    metrics.observe_pix("12345678", "in", "paid", 1)
    of = metrics.registry.get_sample_value
    labels = {"institution": "12345678", "type": "in", "status": "paid"}
    assert of("fluxiq_pix_transaction_amount_total", labels) == 15001
    assert of("fluxiq_pix_transactions_total", labels) == 2
    ledger = {"institution": "12345678", "backend": "postgres", "status": "created"}
    assert of("ledger_operations_total", ledger) == 3


def test_one_ledger_is_active() -> None:
    of = fed().registry.get_sample_value
    values = [
        of("ledger_active_backend", {"institution": "12345678", "backend": backend})
        for backend in ("postgres", "tigerbeetle")
    ]
    assert values == [1, 0]


def test_two_platforms_in_one_process_do_not_share_a_registry() -> None:
    one, other = Metrics(process=False), Metrics(process=False)
    labels = {"institution": "12345678"}
    one.connections.labels("12345678").set(1)
    assert other.registry.get_sample_value("fluxiq_active_connections", labels) is None
    assert prometheus_client.REGISTRY.get_sample_value("fluxiq_active_connections", labels) is None


def test_the_process_tells_of_itself() -> None:
    assert b"process_resident_memory_bytes" in Metrics().exposition()


def test_what_an_endpoint_answers_is_counted_by_its_first_digit() -> None:
    metrics = Metrics(process=False)
    for status in (200, 204, 302, 404, 410, 503, None):
        outcome = "delivered" if status in {200, 204} else "retrying"
        metrics.observe_delivery("12345678", outcome, status, 0.01)

    family = next(
        one for one in metrics.registry.collect() if one.name == "fluxiq_webhook_attempts"
    )
    found = {one.labels["answer"]: one.value for one in family.samples}
    assert found == {"2xx": 2, "3xx": 1, "4xx": 2, "5xx": 1, "none": 1}
