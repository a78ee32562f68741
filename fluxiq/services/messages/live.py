"""What is pushed beside events: balances, the ends of deliveries, live data."""

from datetime import datetime
from typing import Literal

import msgspec
from msgspec import Struct

from fluxiq.services.messages.accounts import BalanceView


class AccountBalance(BalanceView, frozen=True, kw_only=True):
    """Centavos, as `GET /accounts/{id}/balance` says them."""

    account_id: str


class BalanceTold(Struct, frozen=True, kw_only=True, tag_field="type", tag="balance"):
    topic: Literal["balances"] = "balances"
    balance: AccountBalance


class DeliveryEnd(Struct, frozen=True, kw_only=True):
    """How an attempt to deliver a webhook ended: delivered, failed for good, or to be retried."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    attempt: int
    outcome: Literal["delivered", "retrying", "failed"]
    status: int | None
    error: str
    at: datetime
    retry_at: datetime | None


class DeliveryTold(Struct, frozen=True, kw_only=True, tag_field="type", tag="delivery"):
    topic: Literal["deliveries"] = "deliveries"
    delivery: DeliveryEnd


class LiveDataTold(Struct, frozen=True, kw_only=True, tag_field="type", tag="live_data"):
    """`data` is the rate, flag or provider as it is now."""

    topic: Literal["live_data"] = "live_data"
    kind: str
    data: msgspec.Raw
