"""What each error code means, in a sentence for the engineer who meets it: lower case, no stop.

`fluxiq.api.errors.STATUS_OF` is the catalogue; a test finds a sentence for each of its codes, and
no other. What a particular answer says in `message` is more exact.
"""

from collections.abc import Mapping
from typing import Final

MEANINGS: Final[Mapping[str, str]] = {
    # the request itself
    "malformed_json": "the body is not JSON in UTF-8, or is nested too deeply",
    "malformed_request": "the request is not well-formed HTTP",
    "route_not_found": "there is nothing at this path",
    "method_not_allowed": "the path exists, but not for this method; `Allow` lists the right ones",
    "request_timeout": "the body did not arrive in time",
    "body_too_large": "the body is larger than the platform reads",
    "unsupported_media_type": "the body must be sent as `application/json`",
    "validation_failed": "a field breaks its contract; `details.field` names it",
    # who asks
    "unauthorized": "the API key is missing, malformed, unknown or revoked",
    "signature_invalid": "the signature is missing, wrong, too old, or not this provider's",
    "forbidden": "the key lacks a permission, which `details.permission` names",
    "rate_limited": "the allowance of this key or address is used up; see `Retry-After`",
    "too_many_connections": "no more websocket clients are taken at the moment",
    # what it names
    "institution_not_found": "there is no such institution here",
    "provider_not_found": "the institution has no provider link of this name",
    "account_not_found": "the merchant has no such account",
    "charge_not_found": "the merchant has no such charge",
    "payout_not_found": "the merchant has no such payout",
    "product_not_found": "there is no such product",
    "refund_not_found": "the merchant has no such refund",
    "transfer_not_found": "the merchant has made no such transfer",
    "payment_not_found": "no payment of the merchant has this end-to-end id",
    "api_key_not_found": "the merchant has no such API key",
    "dead_letter_not_found": "there is no such dead letter",
    "job_not_found": "there is no such job",
    "webhook_not_found": "the merchant has no such webhook endpoint",
    "rate_not_found": "there is no rate of this pair of currencies",
    "delivery_not_found": "the endpoint has no such delivery",
    "pix_key_not_found": "nobody has this PIX key, or it is not the merchant's",
    "merchant_not_found": "the key sees no such merchant",
    # what it says
    "invalid_amount": "the amount cannot be one",
    "invalid_document": "neither a CPF nor a CNPJ, or its check digits are wrong",
    "invalid_end_to_end_id": "not an end-to-end id",
    "invalid_id": "not an id of this kind",
    "invalid_ispb": "an ISPB has eight characters of 0-9 and A-Z",
    "invalid_pix_key": "not a PIX key, or not one of the kind that was named",
    "invalid_pix_key_type": "a kind of PIX key that does not exist",
    "invalid_refund_id": "not the id of a refund",
    "invalid_return_id": "not the id of a return",
    "invalid_txid": "not a txid",
    "invalid_currency_pair": "not two currencies such as USD-BRL",
    "invalid_flag_name": "not the name of a feature flag",
    "invalid_rate": "not a decimal text above zero",
    "invalid_brcode": "not a BR Code, or it was altered or cut",
    "invalid_qr_code": "not a BR Code, or altered or cut, or something does not fit into one",
    "invalid_notice": "the provider's notice says something that cannot be",
    # what the business answers
    "account_not_active": "the account is inactive or blocked",
    "account_changed": "others change the account at this moment; try again",
    "same_account": "source and destination are one account",
    "statement_too_long": "the period has more lines than a file may have: ask for fewer days",
    "maker_is_checker": "whoever made a transfer does not decide about it: another key must",
    "transfer_not_pending": "the transfer awaits no decision; `details.status` says why",
    "amount_above_limit": "the amount is above a limit",
    "charge_not_paid": "only a paid charge can be refunded",
    "refund_above_original": "all refunds together would be above the original amount",
    "refund_deadline_passed": "the payment is more than 90 days old",
    "refund_of_refund": "a refund cannot be refunded",
    "batch_too_large": "the batch has more payouts than are taken at once",
    "charge_not_pending": "the charge was paid, expired or cancelled before; `details.status` says",
    "med_report_not_found": "there is no such fraud report, or it is not about the merchant",
    "med_report_exists": "the payment has a fraud report that is not closed",
    "med_report_not_open": "the fraud report cannot change so; `details.status` says why",
    "med_amount_above_blocked": "more cannot be returned than is blocked",
    "payout_not_scheduled": "only a scheduled payout can be cancelled; `details.status` says",
    "invalid_schedule": "a payout is scheduled for tomorrow, up to a year ahead",
    "api_key_in_use": "an API key cannot revoke itself",
    "insufficient_funds": "the account has less available than this takes",
    "no_pix_key": "the account has no PIX key to be paid at",
    "same_institution": "the recipient has an account at this institution: transfer instead",
    "webhook_secret_invalid": "a webhook secret is `whsec_` and base64",
    "webhook_event_unknown": "no event has this name",
    "webhook_url_forbidden": "the URL leads to an address that webhooks are not sent to",
    "webhook_url_invalid": "not a URL that webhooks can be sent to",
    "webhook_disabled": "the endpoint is disabled: enable it first",
    "too_many_names": "the institution keeps as many rates or flags as it may",
    "too_many_webhooks": "the merchant has as many endpoints as it may have",
    "job_args_invalid": "the job cannot be done with these arguments",
    "dead_letter_decided": "the dead letter was replayed or discarded before",
    "job_ended": "the job has ended",
    "job_not_unique": "a job of the same key is waiting already",
    "job_not_waiting": "only a waiting job can be changed",
    "message_too_large": "the record would not fit into a message of the bus",
    "account_exists": "another account has this id",
    "pix_key_taken": "another account has this PIX key",
    "idempotency_key_required": "money moves once: an idempotency key must be sent",
    "idempotency_key_reused": "the key was used for a different request in the last 30 days",
    "idempotency_in_progress": "the first request with this key is still being worked on",
    # us, and what stands behind us
    "internal_error": "something broke on our side; it was recorded under the request's id",
    "outcome_unknown": "it may have happened: ask for its state, or repeat it with the same key",
    "unavailable": "a part of the platform does not answer; nothing was done, try again later",
}


def meaning_of(code: str) -> str:
    """The sentence; the code's own words for one that has none yet."""
    return MEANINGS.get(code) or code.replace("_", " ")
