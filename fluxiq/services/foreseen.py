"""What the ledger would not take now is refused before it is on paper, and what it is slow to take
is left to the sweep.

So a refusal for the ledger's own state leaves nothing behind, and the same request is granted once
that is over; and an order that is on paper is accepted, whoever comes to hold its money.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from fluxiq.errors import Unavailable
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.payout_counter import Intent, Judged
from fluxiq.services.tenant import Tenant

_log = structlog.get_logger("fluxiq.payments")


def foresee_all(tenant: Tenant, judged: Sequence[Judged]) -> Sequence[Judged]:
    """The orders, in place of each that the ledger would not take now why it would not: of several
    that do not fit together the first ones do.
    """
    wanted: dict[int, int] = {}
    for one in judged:
        if isinstance(one, Intent):
            wanted[one.account.ledger_id] = _with(wanted, one)
    try:
        tenant.admission.foresee(wanted)
    except Unavailable:
        return _one_by_one(tenant, judged)
    return judged


def left_to_the_sweep(view: Any, error: Unavailable) -> Answer:
    """What is said of an intent that is on paper, and whose money nobody has held in time."""
    _log.warning("intent_left_to_the_sweep", id=view.id, system=error.system, error=str(error))
    return Answer(body=encode(Data(view)), provisional=True)


def _one_by_one(tenant: Tenant, judged: Sequence[Judged]) -> list[Judged]:
    wanted: dict[int, int] = {}
    said: list[Judged] = []
    for one in judged:
        if isinstance(one, Intent):
            more = wanted | {one.account.ledger_id: _with(wanted, one)}
            try:
                tenant.admission.foresee(more)
            except Unavailable as error:
                said.append(error)
                continue
            wanted = more
        said.append(one)
    return said


def _with(wanted: dict[int, int], intent: Intent) -> int:
    return wanted.get(intent.account.ledger_id, 0) + intent.payout.amount
