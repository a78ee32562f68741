"""A merchant pays many at once: the same rooms as one payout, each entered once for all lines."""

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Raw, Struct

from fluxiq.errors import Refused, Unavailable
from fluxiq.ports import Idempotency
from fluxiq.services.messages.envelope import NOTHING_DONE, Answer, digest_of
from fluxiq.services.messages.payout_batches import (
    BatchMeta,
    BatchView,
    LineError,
    LineView,
    OpenPayoutBatch,
    PayoutLine,
)
from fluxiq.services.messages.payouts import OpenPayout
from fluxiq.services.open_payout import Asked, Decision, open_payouts
from fluxiq.services.tenant import Tenant


class _Envelope(Struct, frozen=True):
    data: Raw


_ON_PAPER = LineError(
    code="outcome_unknown",
    message="it is on paper and will end by itself; ask, or send it again as it is",
    details={},
)

_open_envelope = msgspec.json.Decoder(_Envelope).decode


async def open_payout_batch(
    tenant: Tenant, merchant_id: str, request: OpenPayoutBatch, arrived_at: datetime
) -> BatchView[Raw]:
    """One result for each line, in order: a line stands or falls alone.

    A line is what it would be as a payout of its own: the same key is the same order, in whichever
    of the two ways it came first. Raises Refused("batch_too_large").
    """
    lines, limit = request.payouts, tenant.settings.pix.batch_payouts_max
    if len(lines) > limit:
        raise Refused(
            "batch_too_large",
            f"a batch has at most {limit} payouts, not {len(lines)}",
            field="payouts",
            details={"limit": limit},
        )

    asked = [_asked(line, request.account_id) for line in lines]
    decisions = await open_payouts(tenant, merchant_id, asked, arrived_at)
    views = [_view(index, decision) for index, decision in enumerate(decisions)]
    return BatchView(data=views, meta=_count(views))


def _asked(line: PayoutLine, account_id: str | None) -> Asked:
    order = OpenPayout(
        amount=line.amount,
        recipient=line.recipient,
        description=line.description,
        account_id=line.account_id or account_id,
        metadata=line.metadata,
    )
    return Asked(order, Idempotency(key=line.idempotency_key, digest=digest_of(order)))


def _view(index: int, decision: Decision) -> LineView[Raw]:
    match decision.said:
        case Answer() as answer:
            payout = _open_envelope(answer.body).data
            return LineView(index=index, status="accepted", replayed=answer.replayed, payout=payout)
        case Refused(code="idempotency_in_progress") as error:
            return LineView(index=index, status="unknown", error=_error(error))
        case Refused() as error:
            return LineView(index=index, status="refused", error=_error(error))
        case Unavailable() as away:
            return LineView(index=index, status="refused", error=_nothing_done(away))
    details = {"payout_id": decision.payout_id}
    on_paper = msgspec.structs.replace(_ON_PAPER, details=details)
    return LineView(index=index, status="unknown", error=on_paper)


def _nothing_done(away: Unavailable) -> LineError:
    retry = max(1, math.ceil(away.retry_after))
    return LineError(
        code=away.code, message=NOTHING_DONE[away.code], details={"retry_after": retry}
    )


def _error(refused: Refused) -> LineError:
    return LineError(code=refused.code, message=refused.message, details=refused.details)


def _count(views: Sequence[LineView[Raw]]) -> BatchMeta:
    statuses = [view.status for view in views]
    return BatchMeta(
        accepted=statuses.count("accepted"),
        refused=statuses.count("refused"),
        unknown=statuses.count("unknown"),
    )
