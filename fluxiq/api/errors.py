"""The only place that knows HTTP statuses: THE table of error codes, and the error envelope.

`{"error": {"code", "message", "details"}, "meta": {"request_id"}}`. Codes are a closed catalogue: a
test finds every `Refused` of the product in this table.
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from werkzeug.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    RequestTimeout,
)

from fluxiq.errors import Refused, SealBroken, Unavailable, Unknown
from fluxiq.services.messages.envelope import NOTHING_DONE
from fluxiq.telemetry.redaction import redact_text

STATUS_OF: Mapping[str, int] = {
    # the request itself
    "malformed_json": 400,
    "malformed_request": 400,
    "route_not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "validation_failed": 422,
    # who asks
    "unauthorized": 401,
    "login_failed": 401,
    "totp_required": 401,
    "signature_invalid": 401,
    "forbidden": 403,
    "address_not_allowed": 403,
    "password_change_required": 403,
    "password_wrong": 403,
    "institution_suspended": 403,
    "rate_limited": 429,
    "too_many_connections": 429,
    # what it names
    "institution_not_found": 404,
    "provider_not_found": 404,
    "account_not_found": 404,
    "charge_not_found": 404,
    "payout_not_found": 404,
    "payout_batch_not_found": 404,
    "request_not_found": 404,
    "settlement_schedule_not_found": 404,
    "refund_not_found": 404,
    "transfer_not_found": 404,
    "product_not_found": 404,
    "payment_not_found": 404,
    "event_not_found": 404,
    "pix_key_not_found": 404,
    "merchant_not_found": 404,
    "api_key_not_found": 404,
    "user_not_found": 404,
    "session_not_found": 404,
    "job_not_found": 404,
    "dead_letter_not_found": 404,
    "difference_not_found": 404,
    "med_report_not_found": 404,
    "contest_not_found": 404,
    "webhook_not_found": 404,
    "delivery_not_found": 404,
    "rate_not_found": 404,
    # what it says
    "invalid_amount": 422,
    "invalid_document": 422,
    "invalid_end_to_end_id": 422,
    "invalid_id": 422,
    "invalid_ispb": 422,
    "invalid_pix_key": 422,
    "invalid_pix_key_type": 422,
    "invalid_recipient_account": 422,
    "invalid_refund_id": 422,
    "invalid_return_id": 422,
    "invalid_txid": 422,
    "invalid_brcode": 422,
    "invalid_currency_pair": 422,
    "invalid_flag_name": 422,
    "invalid_rate": 422,
    "invalid_qr_code": 422,
    "invalid_notice": 422,
    # what the business answers
    "account_not_active": 422,
    "account_changed": 409,
    "fee_changed": 409,
    "account_not_of_product": 422,
    "amount_above_limit": 422,
    "batch_too_large": 422,
    "batch_invalid": 422,
    "reference_repeated": 422,
    "payout_batch_not_awaiting": 409,
    "charge_not_pending": 409,
    "payout_not_scheduled": 409,
    "payout_not_contestable": 409,
    "contest_deadline_passed": 409,
    "contest_exists": 409,
    "contest_decided": 409,
    "med_report_exists": 409,
    "med_report_not_open": 409,
    "med_amount_above_blocked": 422,
    "invalid_schedule": 422,
    "api_key_in_use": 409,
    "api_key_over": 409,
    "approval_over": 409,
    "payout_not_in_doubt": 409,
    "provider_disagrees": 409,
    "user_exists": 409,
    "merchant_enrolled": 409,
    "user_changed": 409,
    "last_owner": 409,
    "password_weak": 422,
    "totp_enrolled": 409,
    "totp_code_wrong": 422,
    "charge_not_paid": 422,
    "insufficient_funds": 422,
    "refund_above_original": 422,
    "refund_deadline_passed": 422,
    "refund_of_refund": 422,
    "no_pix_key": 422,
    "same_institution": 422,
    "same_account": 422,
    "statement_too_long": 422,
    "audit_export_too_long": 422,
    "maker_is_checker": 403,
    "transfer_not_pending": 409,
    "webhook_secret_invalid": 422,
    "webhook_event_unknown": 422,
    "webhook_url_forbidden": 422,
    "webhook_url_invalid": 422,
    "webhook_disabled": 409,
    "too_many_webhooks": 409,
    "too_many_names": 409,
    "message_too_large": 422,
    "job_args_invalid": 422,
    "job_ended": 409,
    "dead_letter_decided": 409,
    "difference_ended": 409,
    "day_not_over": 409,
    "reconciliation_abandoned": 409,
    "job_not_unique": 409,
    "job_not_waiting": 409,
    "account_exists": 409,
    "pix_key_taken": 409,
    "idempotency_key_required": 422,
    "idempotency_key_reused": 422,
    "idempotency_in_progress": 409,
    # what an operator, or whoever reads the trail, is told of the audit trail
    "audit_line_not_found": 404,
    "audit_verification_not_found": 404,
    "erasure_not_found": 404,
    "audit_line_not_sealed": 409,
    "audit_not_purgeable": 409,
    "audit_trail_damaged": 500,
    "audit_horizon_went_back": 500,
    # what an operator is told of the world outside
    "not_found": 404,
    "simulator_refused": 422,
    # what an operator is told of institutions
    "institution_exists": 409,
    "institution_invalid": 422,
    "institution_not_added": 409,
    "institution_not_empty": 409,
    "institution_state": 409,
    # what an operator is told at the desk
    "not_an_operator": 403,
    "unknown_verb": 404,
    "no_child": 404,
    "ambiguous_name": 409,
    "not_an_actor": 409,
    "not_quarantined": 409,
    "not_running": 409,
    "not_over_http": 409,
    "needs_approval": 409,
    "still_running": 409,
    "approval_not_found": 404,
    "too_many_approvals": 409,
    "refused": 409,
    # us, and what stands behind us
    "internal_error": 500,
    "outcome_unknown": 503,
    "ledger_degraded": 503,
    "ledger_unavailable": 503,
    "sealed_data_unreadable": 503,
    "unavailable": 503,
}

_log = structlog.get_logger("fluxiq.api")


class ErrorBody(Struct, frozen=True, kw_only=True):
    code: str
    message: str
    details: dict[str, Any]


class ErrorMeta(Struct, frozen=True, kw_only=True):
    request_id: str


class ErrorEnvelope(Struct, frozen=True, kw_only=True):
    """What every refusal and every failure looks like."""

    error: ErrorBody
    meta: ErrorMeta


class Failure(Struct, frozen=True, kw_only=True):
    """An error as a response: status, headers of its own, and what goes into the envelope."""

    status: int
    code: str
    message: str
    details: dict[str, Any] = {}
    headers: dict[str, str] = {}

    def body(self, request_id: str) -> bytes:
        error = ErrorBody(code=self.code, message=self.message, details=self.details)
        return _encode(ErrorEnvelope(error=error, meta=ErrorMeta(request_id=request_id)))


def failure_of(error: BaseException) -> Failure:
    """What the caller is told of `error`. The unforeseen is logged whole, and told as nothing."""
    error = alone(error)
    match error:
        case Refused():
            return _refused(error)
        case Unavailable():
            return _unavailable(error)
        case Unknown():
            return _unknown(error)
        case SealBroken():
            return _sealed()
        case HTTPException():
            return _http(error)

    _log.error("request_failed", exc_info=error)
    return Failure(
        status=500, code="internal_error", message="something broke on our side; it was recorded"
    )


def alone(error: BaseException) -> BaseException:
    """The one exception inside nested groups of one; else the error as it came."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


# In the order of failure_of.

_encode = msgspec.json.Encoder(enc_hook=str).encode

_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _refused(error: Refused) -> Failure:
    status = STATUS_OF.get(error.code)
    if status is None:
        # A bug of ours, but the caller's answer is right all the same.
        _log.error("error_code_not_listed", code=error.code)
        status = 422

    headers = dict(_CHALLENGE) if error.code == "unauthorized" else {}
    if (retry := error.details.get("retry_after")) is not None:
        headers["Retry-After"] = str(retry)

    return Failure(
        status=status,
        code=error.code,
        message=redact_text(error.message),
        details=error.details,
        headers=headers,
    )


def _unavailable(error: Unavailable) -> Failure:
    _log.warning("request_unavailable", system=error.system, error=str(error))
    retry = max(1, math.ceil(error.retry_after))
    return Failure(
        status=STATUS_OF[error.code],
        code=error.code,
        message=NOTHING_DONE[error.code],
        details={"retry_after": retry},
        headers={"Retry-After": str(retry)},
    )


def _unknown(error: Unknown) -> Failure:
    """No Retry-After: the same request is safe again only under the same idempotency key."""
    _log.error(
        "request_outcome_unknown", system=error.system, reference=error.reference, error=str(error)
    )
    return Failure(
        status=STATUS_OF["outcome_unknown"],
        code="outcome_unknown",
        message="it may have happened; ask for its state, or repeat it with the same key",
        details={"reference": error.reference},
    )


def _sealed() -> Failure:
    """Where it is was logged as it was noticed. No Retry-After: it stays so until somebody acts."""
    return _plain("sealed_data_unreadable", "a record cannot be read just now; somebody was told")


def _http(error: HTTPException) -> Failure:
    """Quart's own refusals."""
    match error:
        case NotFound():
            return _plain("route_not_found", "there is nothing at this path")
        case MethodNotAllowed():
            allowed = ", ".join(sorted(error.valid_methods or ()))
            failure = _plain("method_not_allowed", f"allowed here: {allowed}")
            return msgspec.structs.replace(failure, headers={"Allow": allowed})
        case RequestEntityTooLarge():
            return _plain("body_too_large", "the body is larger than we read")
        case RequestTimeout():
            return _plain("request_timeout", "the body did not arrive in time")

    if error.code is None or error.code >= STATUS_OF["internal_error"]:
        _log.error("request_failed", exc_info=getattr(error, "original_exception", None) or error)
        return _plain("internal_error", "something broke on our side; it was recorded")

    return Failure(status=error.code, code="malformed_request", message=error.name)


def _plain(code: str, message: str) -> Failure:
    return Failure(status=STATUS_OF[code], code=code, message=message)
