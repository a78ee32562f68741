"""The data map (LGPD, Lei 13.709/2018, art. 37): which column of which table says what of whom, on
what legal basis, and for how long. docs/privacy.md is written from it, a test compares it with the
tables of a real PostgreSQL, and whatever leaves or erases a person's data goes by it.

Three kinds of columns. *Direct*: it says who somebody is, or is written by people about people.
*Linked*: it names nobody, and tells something of a person together with a direct column (amounts,
times, ids of payments): personal data all the same (art. 5, I). The others are about machinery.

TO BE CONFIRMED by the institution's counsel: bases and periods are from general knowledge.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from fluxiq.domain.audit_retention import CLASSES, Retention


class Whose(StrEnum):
    """The person that a column is about."""

    PAYER = "payers"
    RECIPIENT = "recipients"
    CUSTOMER = "merchants and owners of accounts who are natural persons"
    USER = "people who log in, and operators"
    ANYBODY = "whoever is named in it"


class Basis(StrEnum):
    """Why it may be processed: art. 7 of the law."""

    CONTRACT = "art. 7, V: a contract of the person, or steps that the person asked for"
    OBLIGATION = "art. 7, II: a legal or regulatory obligation"
    DEFENCE = "art. 7, VI: the exercise of rights in proceedings"
    INTEREST = "art. 7, IX: security of the accounts and of the service"


class Form(StrEnum):
    """How it lies on the disk."""

    SEALED = "sealed"
    HASHED = "hashed"  # or a blind index: found by whoever knows the value, read by nobody
    PLAIN = "plain"


class Kept(Struct, frozen=True, kw_only=True):
    """For how long. `retention` says years that a law asks for; without one, nothing does."""

    name: str
    until: str
    retention: Retention | None = None

    @property
    def why(self) -> str:
        """The source of the period."""
        return self.until if self.retention is None else self.retention.source


class Direct(Struct, frozen=True, kw_only=True):
    """A column that says who somebody is. `plain_because` is wanted of a plain one."""

    column: str
    what: str
    whose: Whose
    form: Form = Form.SEALED
    plain_because: str = ""


class Mapped(Struct, frozen=True, kw_only=True):
    """A table. `erasure` says what a request for erasure does to it, "" where nothing goes."""

    table: str
    purpose: str = ""
    basis: Basis | None = None
    kept: Kept | None = None
    direct: tuple[Direct, ...] = ()
    linked: str = ""  # columns, apart by spaces
    other: str = ""
    erasure: str = ""

    @property
    def is_personal(self) -> bool:
        return bool(self.direct or self.linked)

    def columns(self) -> Iterator[str]:
        """Every column that is classified here, as often as it is."""
        yield from (one.column for one in self.direct)
        yield from self.linked.split()
        yield from self.other.split()


def _class(name: str) -> Retention:
    return next(one for one in CLASSES if one.name == name)


def _years(name: str) -> Kept:
    retention = _class(name)
    until = f"{retention.years} years from the first day of the next year"
    return Kept(name=name, until=until, retention=retention)


OPERATIONS: Final = _years("operations")
CUSTOMERS: Final = _years("customers")
SECURITY: Final = _years("security")
PEOPLE: Final = Kept(
    name="people",
    until="while the person is a user, and as long as the audit trail says what they did",
    retention=_class("security"),
)
AUDIT: Final = Kept(
    name="audit",
    until="by the class of the operation: docs/audit.md",
    retention=_class("customers"),
)
REPEATS: Final = Kept(
    name="repeats",
    until="`[retention] idempotency_keys_days`: as long as a caller may repeat its request",
)
DELIVERIES: Final = Kept(
    name="deliveries", until="`[retention] delivery_attempts_days` and `deliveries_days`"
)
TOLD: Final = Kept(
    name="told", until="while a delivery or a live update of it may be asked for again"
)
STATEMENTS: Final = Kept(name="statements", until="`[retention] statement_lines_days`")
WORK: Final = Kept(name="work", until="until the work is done")
JOBS: Final = Kept(name="jobs", until="`[retention] cancelled_jobs_days`, `discarded_jobs_days`")
TOKENS: Final = Kept(name="tokens", until="until the token would have expired")
