"""Words that many resources use."""

from msgspec import Struct


class Failure(Struct, frozen=True, kw_only=True):
    """Why a payout or refund failed: a stable code, BACEN's where there is one, and a sentence to
    show in English and Portuguese.
    """

    code: str
    reason_code: str | None
    message: str
    message_pt: str
