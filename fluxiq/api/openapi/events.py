"""The webhooks that merchants receive: one entry per event type, with what its `data` shows.

The body is `{"id", "type", "created_at", "data"}`, signed as Standard Webhooks 1.0.0; `data` is the
record as a GET would have shown it at that moment.
"""

from collections.abc import Mapping
from typing import Any, Final

from fluxiq.api.contract import JSON
from fluxiq.api.openapi.examples import example_of
from fluxiq.api.openapi.schemas import MOMENT, Schemas
from fluxiq.domain.webhook import EVENT_TYPES
from fluxiq.services.messages.accounts import AccountView
from fluxiq.services.messages.charges import ChargeView
from fluxiq.services.messages.contests import ContestView
from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.fees import FeeView
from fluxiq.services.messages.limits import LimitsView
from fluxiq.services.messages.med import MedReportView
from fluxiq.services.messages.payouts import PayoutView
from fluxiq.services.messages.receipts import ReceiptView
from fluxiq.services.messages.refunds import RefundView
from fluxiq.services.messages.transfers import TransferView

# By what a type begins with: the view that its `data` is.
VIEWS: Final[Mapping[str, Any]] = {
    "account.limits_changed": LimitsView,
    "account.": AccountView,
    "merchant.fee_changed": FeeView,
    "pix.charge.": ChargeView,
    "pix.contest.": ContestView,
    "pix.med.": MedReportView,
    "pix.payout.": PayoutView,
    "pix.receipt.": ReceiptView,
    "pix.refund.": RefundView,
    "transfer.": TransferView,
}

_HEADERS: Final = {
    "webhook-id": "The event's id: the same on every try, so that twice is once.",
    "webhook-timestamp": "When this try was signed, in unix seconds; refuse what is 5 minutes off.",
    "webhook-signature": "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`; several are "
    "separated by spaces while a secret is being rotated.",
}


def webhooks(schemas: Schemas) -> Json:
    """The document's `webhooks`."""
    return {name: {"post": _operation(name, schemas)} for name in sorted(EVENT_TYPES)}


def view_of(event_type: str) -> Any:
    """What the event's `data` is; None where it is an object of the event's own."""
    found = (view for start, view in VIEWS.items() if event_type.startswith(start))
    return next(found, None)


def _operation(name: str, schemas: Schemas) -> Json:
    schema = _envelope(name, schemas)
    return {
        "operationId": f"on_{name.replace('.', '_')}",
        "tags": ["events"],
        "summary": name,
        "security": [],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for header, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": schema, "example": example_of(schema, schemas.components)}
            },
        },
        "responses": {
            "2XX": {"description": "Received: it is not sent again"},
            "410": {"description": "The receiver is gone: the endpoint is disabled"},
            "default": {"description": "Sent again later, ten times over about three days"},
        },
    }


def _envelope(name: str, schemas: Schemas) -> Json:
    view = view_of(name)
    anything: Json = {"type": "object", "additionalProperties": True}
    properties = {
        "id": {"type": "string", "pattern": "^evt_[0-9A-Z]{26}$"},
        "type": {"const": name},
        "created_at": {"type": "string", **MOMENT},
        "data": anything if view is None else schemas.of(view),
    }
    return {"type": "object", "required": list(properties), "properties": properties}
