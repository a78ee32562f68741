"""The three families of errors, and the one outcome that is none of them.

*Refused*: the customer's world said no; a stable code, final for this request.
*Unavailable*: something outside did not answer; nothing is known to have changed; may be retried.
*Unknown*: a call that may have moved money got no answer; only reconciliation resolves it.
A broken invariant is an assertion, never one of these. Only the HTTP layer knows statuses.
"""

from collections.abc import Mapping
from typing import Any


class FluxiqError(Exception):
    """Base of every error this product raises on purpose."""


class Refused(FluxiqError):
    """The request cannot be granted: `code` is stable and public, `field` names the culprit."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details: dict[str, Any] = dict(details or {})
        if field is not None:
            self.details["field"] = field


class Unavailable(FluxiqError):
    """`system` did not answer; nothing is known to have changed. Retry after `retry_after` s."""

    @property
    def code(self) -> str:
        """What callers are told. Money has a word of its own, as who moves it looks for that."""
        return "ledger_unavailable" if self.system == "ledger" else "unavailable"

    def __init__(self, system: str, message: str, *, retry_after: float = 1.0) -> None:
        super().__init__(f"{system}: {message}")
        self.system = system
        self.retry_after = retry_after


class LedgerDegraded(Unavailable):
    """The ledger stands in for itself, and its institution lets it do no more: nothing was written.

    A limit of the outage, not of the customer: the same request may be granted afterwards.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__("ledger", message, retry_after=retry_after)

    @property
    def code(self) -> str:
        return "ledger_degraded"


class Unknown(FluxiqError):
    """`system` may or may not have carried out `reference`; ask, never send blindly again."""

    def __init__(self, system: str, reference: str, message: str) -> None:
        super().__init__(f"{system}: outcome of {reference} is unknown: {message}")
        self.system = system
        self.reference = reference


class SealBroken(FluxiqError):
    """A sealed value does not open: changed, moved, not ours, or its key is not here. An alarm."""


class SettingsInvalid(FluxiqError):
    """A setting is unknown, missing or mistyped; the message names the key and its source."""


class StartRefused(FluxiqError):
    """The platform cannot start; the message is one sentence for the person at the terminal."""
