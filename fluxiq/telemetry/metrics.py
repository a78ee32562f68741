"""What is counted. Names and labels are part of the product's surface; one registry, handed down.

Where a series belongs to one institution it says which (label `institution`). No label ever takes a
customer's value: paths are templates, unknown paths are one series.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SECONDS: Final = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
GUARD_SECONDS: Final = (
    0.0001, 0.0002, 0.0003, 0.0004, 0.0005, 0.0006, 0.0008, 0.001, 0.0015, 0.0025, 0.005, 0.01,
    0.025, 0.1,
)  # fmt: skip


# From an event to its delivery: retries go on for three days.
DELIVERY_SECONDS: Final = (
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3_600.0, 21_600.0,
    86_400.0, 259_200.0,
)  # fmt: skip


class Metrics:
    """Every series of the product that has a source. Rooms take the ones they feed."""

    def __init__(self, *, process: bool = True) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else every series comes twice
        self.registry = CollectorRegistry()
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)
            GCCollector(registry=self.registry)

        self._http()
        self._pix()
        self._providers()
        self._ledger()
        self._jobs()
        self._upkeep()
        self._queues()
        self._audit()
        self._webhooks()
        self._sealing()
        self._backends()
        self._http_series: dict[tuple[str, str, int, str], tuple[Counter, Histogram]] = {}
        self._guard_series: dict[tuple[str, str], Histogram] = {}

    def exposition(self) -> bytes:
        """All series in Prometheus' text format (CONTENT_TYPE)."""
        return generate_latest(self.registry)

    def observe_guard(self, institution: str, credential: str, seconds: float) -> None:
        """One request that was let in, by an API `key` or a person's `token`."""
        series = self._guard_series.get((institution, credential))
        if series is None:
            series = self.guard_seconds.labels(institution, credential)
            self._guard_series[institution, credential] = series
        series.observe(seconds)

    def observe_http(
        self, method: str, path: str, status: int, institution: str, seconds: float
    ) -> None:
        """One answered request; `path` is the route's template."""
        key = (method, path, status, institution)
        series = self._http_series.get(key)
        if series is None:
            series = self._http_series[key] = (
                self.http_requests.labels(method, path, str(status), institution),
                self.http_seconds.labels(method, path, institution),
            )
        series[0].inc()
        series[1].observe(seconds)

    def observe_pix(self, institution: str, kind: str, status: str, amount: int) -> None:
        """One payment that reached `status`; `kind` is in or out, `amount` in centavos."""
        self.pix_transactions.labels(institution, kind, status).inc()
        self.pix_amount.labels(institution, kind, status).inc(amount)

    def observe_ledger(
        self, institution: str, backend: str, answers: Mapping[str, int], seconds: float
    ) -> None:
        """A batch that the ledger answered after `seconds`; `answers` counts its statuses."""
        for status, operations in answers.items():
            self.ledger_operations.labels(institution, backend, status).inc(operations)
        self.ledger_seconds.labels(institution, backend).observe(seconds)

    def show_ledger_backend(self, institution: str, active: str, known: Sequence[str]) -> None:
        """1 for the backend in use, 0 for the others. An `active` that is not known is none."""
        for backend in known:
            self.ledger_active.labels(institution, backend).set(backend == active)

    def show_ledger_health(self, institution: str, health: Mapping[str, bool]) -> None:
        """1 for each backend that answered when it was asked last, 0 for one that did not."""
        for backend, is_well in health.items():
            self.ledger_health.labels(institution, backend).set(is_well)

    def observe_job(self, institution: str, kind: str, state: str, seconds: float) -> None:
        """One attempt at a job, which took `seconds` and left the job in `state`."""
        self.jobs.labels(institution, kind, state).inc()
        self.job_seconds.labels(institution, kind).observe(seconds)

    def show_backlog(self, institution: str, kind: str, waiting: int, seconds: float) -> None:
        """Jobs that are due and wait for a worker, the first of them since `seconds`."""
        self.jobs_waiting.labels(institution, kind).set(waiting)
        self.jobs_oldest.labels(institution, kind).set(seconds)

    def observe_delivery(
        self, institution: str, outcome: str, status: int | None, seconds: float
    ) -> None:
        """One attempt at a webhook, which took `seconds`: delivered, retrying, or failed for good.
        `status` is what the endpoint answered, and counted by its first digit.
        """
        answer = "none" if status is None else f"{status // 100}xx"
        self.webhook_attempts.labels(institution, outcome, answer).inc()
        self.webhook_seconds.labels(institution).observe(seconds)

    # The series, by room.

    def _http(self) -> None:
        self.http_requests = Counter(
            "fluxiq_http_requests_total",
            "Requests answered",
            ["method", "path", "status", "institution"],
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "fluxiq_http_request_duration_seconds",
            "Time from a request's head to its answer",
            ["method", "path", "institution"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.requests_not_logged = Counter(
            "fluxiq_requests_not_logged_total",
            "Requests that are missing in the request log: there was no room, or no Redis",
            ["institution"],
            registry=self.registry,
        )
        self.guard_seconds = Histogram(
            "fluxiq_guard_seconds",
            "Time that key or token, rate and permission took, of requests that passed",
            ["institution", "credential"],
            buckets=GUARD_SECONDS,
            registry=self.registry,
        )
        self.connections = Gauge(
            "fluxiq_active_connections",
            "WebSocket clients",
            ["institution"],
            registry=self.registry,
        )
        self.rate_limits_local = Gauge(
            "fluxiq_rate_limits_local",
            "1 while Redis is away and each process counts calls by itself",
            ["institution"],
            registry=self.registry,
        )

    def _pix(self) -> None:
        labels = ["institution", "type", "status"]
        self.pix_transactions = Counter(
            "fluxiq_pix_transactions_total",
            "Payments that reached a status",
            labels,
            registry=self.registry,
        )
        self.pix_amount = Counter(
            "fluxiq_pix_transaction_amount_total",
            "Centavos of the payments that reached a status",
            labels,
            registry=self.registry,
        )

    def _providers(self) -> None:
        link = ["institution", "provider"]
        self.provider_requests = Counter(
            "fluxiq_provider_requests_total",
            "Calls to a provider: answered, refused, unavailable, unknown, or held_back by us",
            [*link, "operation", "outcome"],
            registry=self.registry,
        )
        self.provider_breaker = Gauge(
            "fluxiq_provider_breaker_state",
            "0 closed, 1 open, 2 half-open: one for each provider link",
            link,
            registry=self.registry,
        )
        self.provider_certificate_days = Gauge(
            "fluxiq_provider_certificate_days_left",
            "Days until the certificate that we show to a provider expires",
            link,
            registry=self.registry,
        )
        self.certificate_expires = Gauge(
            "fluxiq_certificate_expires_seconds",
            "Until a certificate or authority that the settings name expires; negative afterwards",
            [*link, "kind"],
            registry=self.registry,
        )

    def _ledger(self) -> None:
        self.ledger_operations = Counter(
            "ledger_operations_total",
            "Transfers answered by a ledger",
            ["institution", "backend", "status"],
            registry=self.registry,
        )
        self.ledger_seconds = Histogram(
            "ledger_operation_duration_seconds",
            "Time a ledger took for a batch",
            ["institution", "backend"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.ledger_active = Gauge(
            "ledger_active_backend",
            "1 for the ledger in use",
            ["institution", "backend"],
            registry=self.registry,
        )
        self.ledger_health = Gauge(
            "ledger_backend_health",
            "1 for a ledger that answers",
            ["institution", "backend"],
            registry=self.registry,
        )
        self.ledger_fallbacks = Counter(
            "ledger_fallback_total",
            "Times that an institution left TigerBeetle",
            ["institution"],
            registry=self.registry,
        )
        self.ledger_mirror_behind = Gauge(
            "ledger_mirror_behind_transfers",
            "Transfers that were sealed for TigerBeetle and that the mirror does not have yet",
            ["institution"],
            registry=self.registry,
        )
        self.ledger_breaker = Gauge(
            "ledger_circuit_breaker_state",
            "0 closed, 1 open, 2 half-open: one for all institutions of the process",
            registry=self.registry,
        )

    def _jobs(self) -> None:
        labels = ["institution", "kind"]
        self.jobs = Counter(
            "jobs_total",
            "Attempts at jobs, by the state in which they left the job",
            [*labels, "state"],
            registry=self.registry,
        )
        self.job_seconds = Histogram(
            "job_duration_seconds",
            "Time of an attempt at a job",
            labels,
            buckets=SECONDS,
            registry=self.registry,
        )
        self.jobs_waiting = Gauge(
            "jobs_waiting",
            "Jobs that are due and wait for a worker",
            labels,
            registry=self.registry,
        )
        self.jobs_oldest = Gauge(
            "jobs_oldest_seconds",
            "How long the first of them has been due",
            labels,
            registry=self.registry,
        )

    def _audit(self) -> None:
        self.audit_sealed = Counter(
            "audit_lines_sealed_total",
            "Lines of the audit trail that were put under a seal",
            ["institution"],
            registry=self.registry,
        )
        self.audit_unsealed_seconds = Gauge(
            "audit_unsealed_seconds",
            "How long the oldest line of the audit trail has waited for its seal",
            ["institution"],
            registry=self.registry,
        )

    def _upkeep(self) -> None:
        self.differences = Gauge(
            "fluxiq_reconciliation_differences",
            "Differences between the providers' statements and our records that are open",
            ["institution", "kind"],
            registry=self.registry,
        )
        self.reconciled_behind = Gauge(
            "fluxiq_reconciliation_behind_seconds",
            "Time since the end of what was last compared; not there before the first run",
            ["institution"],
            registry=self.registry,
        )
        self.removed = Counter(
            "fluxiq_retention_removed_total",
            "Rows that were deleted for their age",
            ["institution", "records"],
            registry=self.registry,
        )

    def _queues(self) -> None:
        queue = ["institution", "queue"]
        self.message_failures = Counter(
            "queue_failures_total",
            "Failures of workers at single messages, by bugs and not by the weather",
            queue,
            registry=self.registry,
        )
        self.dead_letters = Counter(
            "dead_letters_total",
            "Messages that failed as often as they may",
            queue,
            registry=self.registry,
        )
        self.dead_letters_waiting = Gauge(
            "dead_letters_waiting",
            "Dead letters that wait for an operator",
            ["institution"],
            registry=self.registry,
        )
        self.holds_outlived = Gauge(
            "holds_outlived",
            "Holds that nobody is at work on, and that may not be ended without a person",
            ["institution"],
            registry=self.registry,
        )

    def _webhooks(self) -> None:
        self.webhook_attempts = Counter(
            "fluxiq_webhook_attempts_total",
            "Attempts at webhooks: delivered, retrying or failed, and how the endpoint answered",
            ["institution", "outcome", "answer"],
            registry=self.registry,
        )
        self.webhook_seconds = Histogram(
            "fluxiq_webhook_attempt_duration_seconds",
            "Time of an attempt, from the look-up of the name to the answer",
            ["institution"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.webhook_latency = Histogram(
            "fluxiq_webhook_latency_seconds",
            "Time from an event to its delivery; not of those that were asked for again",
            ["institution"],
            buckets=DELIVERY_SECONDS,
            registry=self.registry,
        )
        self.webhooks_waiting = Gauge(
            "fluxiq_webhook_deliveries_waiting",
            "Deliveries that have not ended: due, under_way, later (retries), held (disabled)",
            ["institution", "state"],
            registry=self.registry,
        )
        self.webhooks_oldest = Gauge(
            "fluxiq_webhook_oldest_due_seconds",
            "How long the first of the due deliveries has been due",
            ["institution"],
            registry=self.registry,
        )
        self.webhook_endpoints = Gauge(
            "fluxiq_webhook_endpoints",
            "Endpoints: enabled, or disabled by their merchant, as gone, or as failing",
            ["institution", "status"],
            registry=self.registry,
        )
        self.webhook_breakers = Gauge(
            "fluxiq_webhook_breakers_open",
            "Endpoints that are left alone for a while, or looked at once, because they failed",
            ["institution"],
            registry=self.registry,
        )
        self.event_lag = Histogram(
            "fluxiq_event_delivery_lag_seconds",
            "Time from the commit of a message to its first publication on the bus",
            ["institution", "kind"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.outbox_due = Gauge(
            "fluxiq_outbox_due",
            "Messages of the outbox that should be on the bus by now",
            ["institution"],
            registry=self.registry,
        )

    def _sealing(self) -> None:
        self.seal_failures = Counter(
            "fluxiq_seal_failures_total",
            "Sealed values that did not open: changed, moved, not ours, or without their key",
            ["institution", "table", "column"],
            registry=self.registry,
        )

    def _backends(self) -> None:
        self.nats_messages = Counter(
            "nats_messages_total",
            "Messages published to the bus",
            ["stream", "subject"],
            registry=self.registry,
        )
        self.pg_connections = Gauge(
            "pg_connections_active",
            "Open PostgreSQL connections",
            ["institution"],
            registry=self.registry,
        )
        self.pg_seconds = Histogram(
            "pg_query_duration_seconds",
            "Time of a PostgreSQL transaction",
            ["institution"],
            buckets=SECONDS,
            registry=self.registry,
        )
