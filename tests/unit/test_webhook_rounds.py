"""A webhook sender's round, when Postgres goes away in the middle of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from actors.couriers import _deliver, _Ended
from fluxiq.couriers.sender import DeliveryResult
from fluxiq.domain.records import Delivery, Step, WebhookEndpoint
from fluxiq.errors import Unavailable
from fluxiq.ports import DeliveryAttempt

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ENDPOINT = WebhookEndpoint(
    id="whk_1",
    merchant_id="mch_1",
    url="http://127.0.0.1:1/hooks",
    events=(),
    secret="whsec_AAAA",
    created_at=NOW,
)
DELIVERY = Delivery(
    id="dlv_1",
    endpoint_id=ENDPOINT.id,
    event_id="evt_1",
    event_type="pix.charge.paid",
    body=b"{}",
    attempt=1,
    reference="E1",
)


class Paper:
    """A store with one delivery, claimed once; away as often as `away` says."""

    def __init__(self) -> None:
        self.due = [DELIVERY]
        self.away = 1
        self.finished: list[DeliveryAttempt] = []
        self.walked: list[Step] = []

    async def claim_deliveries(self, *_: object) -> list[Delivery]:
        claimed, self.due = self.due, []
        return claimed

    async def finish_deliveries(
        self, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
    ) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("postgres", "is away")
        self.finished += attempts
        self.walked += steps


class Sender:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def deliver(self, endpoint: object, delivery: Delivery, now: object) -> DeliveryResult:
        self.told.append(delivery.event_id)
        return DeliveryResult(status=204)


async def test_what_a_merchant_took_while_postgres_was_away_was_forgotten_and_told_again() -> None:
    paper, sender, ended = Paper(), Sender(), _Ended()
    branch: Any = SimpleNamespace(
        links=SimpleNamespace(get=lambda: SimpleNamespace(store=paper)),
        platform=SimpleNamespace(
            clock=SimpleNamespace(now=lambda: NOW),
            settings=SimpleNamespace(
                webhooks=SimpleNamespace(deliver_seconds_max=1.0, concurrency=4)
            ),
        ),
    )
    postman: Any = sender
    with pytest.raises(Unavailable):
        await _deliver(branch, postman, ENDPOINT, ended)
    assert paper.finished == []

    assert not await _deliver(branch, postman, ENDPOINT, ended)
    assert not await _deliver(branch, postman, ENDPOINT, ended)

    assert [(one.delivery, one.delivered) for one in paper.finished] == [(DELIVERY, True)]
    assert [step.end_to_end_id for step in paper.walked] == ["E1"]
    assert sender.told == ["evt_1"]
