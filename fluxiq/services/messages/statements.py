"""Statements, as merchants are told."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.statement import Movement
from fluxiq.services.messages.envelope import PageMeta


class LineView(Struct, frozen=True, kw_only=True):
    """One movement: `amount` is negative where money left; `reference` names its payment."""

    id: str  # tb_…
    at: datetime
    kind: str
    amount: int
    balance_after: int
    description: str
    reference: str | None


class StatementMeta(PageMeta, frozen=True, kw_only=True):
    """The balances are of the whole period, whatever the page: opening plus all lines is closing.
    They are what is on the books: available and pending.
    """

    opening_balance: int
    closing_balance: int
    currency: str


class StatementView(Struct, frozen=True, kw_only=True):
    data: list[LineView]
    meta: StatementMeta


def line_view(movement: Movement, balance_before: int) -> LineView:
    """`balance_before`: where the running sum of `movement` began."""
    return LineView(
        id=tb_id_text(movement.id),
        at=movement.at,
        kind=movement.kind,
        amount=movement.amount,
        balance_after=balance_before + movement.running,
        description=movement.description,
        reference=movement.reference,
    )
