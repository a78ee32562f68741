"""A merchant's side of the API: `FluxiQ` to be called, `AsyncFluxiQ` for trio and asyncio.

    with FluxiQ(api_key, "https://pix.example") as api:
        charge = api.charges.create(amount=15000, description="two coffees and a book")

Amounts are centavos, times are aware and in UTC. Whatever goes wrong is `Refused` (final),
`Unavailable` (nothing was done) or `Unknown` (repeat it with the same idempotency key), each with
its code. Calls are repeated under one idempotency key, so that money moves once. This package
knows nothing of the product but what the API's document says: see docs/integrate.md.
"""

from fluxiq.sdk.client import AsyncFluxiQ, FluxiQ
from fluxiq.sdk.errors import (
    ApiError,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    Refused,
    SignatureInvalid,
    Unauthorized,
    Unavailable,
    Unknown,
)
from fluxiq.sdk.exchange import Retries
from fluxiq.sdk.live import AsyncLive, Live
from fluxiq.sdk.paging import AsyncPages, Pages
from fluxiq.sdk.request import Page, PageMeta
from fluxiq.sdk.resources.accounts import Account, Balance, StatementLine, StatementPage
from fluxiq.sdk.resources.charges import Charge, Payer
from fluxiq.sdk.resources.contests import Contest
from fluxiq.sdk.resources.directory import Key, Owner
from fluxiq.sdk.resources.events import LoggedEvent
from fluxiq.sdk.resources.fees import Fee, FeesAgreed, FeeTotal, FeeTotals
from fluxiq.sdk.resources.limits import AccountLimits, LimitsRaised, LimitsWindow
from fluxiq.sdk.resources.live_data import Flag, Flags, OneRate, Provider, Providers, Rate, Rates
from fluxiq.sdk.resources.med import MedReport
from fluxiq.sdk.resources.merchants import ApiKey, Merchant
from fluxiq.sdk.resources.payers import PayerSum
from fluxiq.sdk.resources.payout_batches import (
    Instruction,
    LineFault,
    PayoutBatch,
    PayoutBatchLine,
    PayoutBatchTotal,
    PayoutBatchWithLines,
    WrittenBatch,
)
from fluxiq.sdk.resources.payouts import (
    Batch,
    BatchLine,
    Holder,
    LineError,
    Payout,
    PayoutOrder,
    Recipient,
    RecipientAccount,
)
from fluxiq.sdk.resources.products import Product
from fluxiq.sdk.resources.qr_codes import QrCode, QrCodeRead
from fluxiq.sdk.resources.receipts import Receipt
from fluxiq.sdk.resources.refunds import Refund
from fluxiq.sdk.resources.requests import LoggedRequest
from fluxiq.sdk.resources.settlements import LastSettlement, SettlementDay, SettlementSchedule
from fluxiq.sdk.resources.shared import Failure
from fluxiq.sdk.resources.statistics import PaymentStatistics
from fluxiq.sdk.resources.transfers import Transfer, TransferFailure
from fluxiq.sdk.resources.users import User
from fluxiq.sdk.resources.walks import Step
from fluxiq.sdk.resources.webhooks import Attempt, Delivery, Endpoint, Redelivered, Secret, Sent
from fluxiq.sdk.signatures import Event, WebhookVerifier
from fluxiq.sdk.updates import (
    AccountBalance,
    BalanceUpdate,
    DeliveryEnd,
    DeliveryUpdate,
    EventUpdate,
    LiveDataUpdate,
    Refetch,
    Update,
)

__all__ = [
    "Account",
    "AccountBalance",
    "AccountLimits",
    "ApiError",
    "ApiKey",
    "AsyncFluxiQ",
    "AsyncLive",
    "AsyncPages",
    "Attempt",
    "Balance",
    "BalanceUpdate",
    "Batch",
    "BatchLine",
    "Charge",
    "Conflict",
    "Contest",
    "Delivery",
    "DeliveryEnd",
    "DeliveryUpdate",
    "Endpoint",
    "Event",
    "EventUpdate",
    "Failure",
    "Fee",
    "FeeTotal",
    "FeeTotals",
    "FeesAgreed",
    "Flag",
    "Flags",
    "FluxiQ",
    "Forbidden",
    "Holder",
    "Instruction",
    "Key",
    "LastSettlement",
    "LimitsRaised",
    "LimitsWindow",
    "LineError",
    "LineFault",
    "Live",
    "LiveDataUpdate",
    "LoggedEvent",
    "LoggedRequest",
    "MedReport",
    "Merchant",
    "NotFound",
    "OneRate",
    "Owner",
    "Page",
    "PageMeta",
    "Pages",
    "Payer",
    "PayerSum",
    "PaymentStatistics",
    "Payout",
    "PayoutBatch",
    "PayoutBatchLine",
    "PayoutBatchTotal",
    "PayoutBatchWithLines",
    "PayoutOrder",
    "Product",
    "Provider",
    "Providers",
    "QrCode",
    "QrCodeRead",
    "Rate",
    "RateLimited",
    "Rates",
    "Receipt",
    "Recipient",
    "RecipientAccount",
    "Redelivered",
    "Refetch",
    "Refund",
    "Refused",
    "Retries",
    "Secret",
    "Sent",
    "SettlementDay",
    "SettlementSchedule",
    "SignatureInvalid",
    "StatementLine",
    "StatementPage",
    "Step",
    "Transfer",
    "TransferFailure",
    "Unauthorized",
    "Unavailable",
    "Unknown",
    "Update",
    "User",
    "WebhookVerifier",
    "WrittenBatch",
]
