"""MED on the payer's side: a merchant contests a payment that it made."""

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import PageAsked
from fluxiq.domain.contest import ContestStatus
from fluxiq.ports.contests import ContestsWanted
from fluxiq.services import contests as use
from fluxiq.services.messages.contests import ContestPayout, ContestView
from fluxiq.services.messages.envelope import Data, Listing

routes = Routes("/api/v1/pix")

READ, WRITE = "pix:read", "pix:write"
SEES_ALL = "med:write"  # who decides of fraud reports sees those of all merchants

_ONE = "/payouts/{payout_id}/contest"


class ContestsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of contests, newest first. Without any of the filters: of all."""

    status: ContestStatus | None = None
    end_to_end_id: PathText | None = None


@routes.post(
    _ONE,
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[ContestView],
    status=201,
    refuses=(
        "payout_not_found",
        "payout_not_contestable",
        "contest_deadline_passed",
        "contest_exists",
    ),
)
async def contest_payout(call: Call, payout_id: PathText, body: ContestPayout) -> Reply:
    """Report a payment as fraud, up to 80 days after it was made: the provider carries it to the
    payee's institution, which decides. The end comes as an event; the money, if it comes back, as
    a return of the payout. The same contest again is the same one.
    """
    key = call.idempotency(body)
    return answered(await use.open_contest(call.known_caller, payout_id, body, key))


@routes.get(
    _ONE,
    permission=READ,
    rate=Rate.READ,
    reply=Data[ContestView],
    refuses=("payout_not_found", "contest_not_found"),
)
async def show_contest(call: Call, payout_id: PathText) -> Data[ContestView]:
    """The newest contest of a payout."""
    return Data(await use.show_contest(call.tenant, call.merchant_id, payout_id))


@routes.post(
    f"{_ONE}/cancel",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[ContestView],
    status=200,
    refuses=("payout_not_found", "contest_not_found", "contest_decided"),
)
async def cancel_contest(call: Call, payout_id: PathText) -> Data[ContestView]:
    """Take a contest back, until it is decided: a decision that was quicker than this word stands.
    Twice is once.
    """
    return Data(await use.cancel_contest(call.known_caller, payout_id))


@routes.get(
    "/contests",
    permission=READ,
    rate=Rate.READ,
    reply=Listing[ContestView],
    institution=True,
)
async def list_contests(call: Call, query: ContestsAsked) -> Listing[ContestView]:
    """Contests, newest first: the merchant's own, or all for whoever decides of fraud reports."""
    wanted = ContestsWanted(
        merchant_id=None if call.known_caller.may(SEES_ALL) else call.merchant_id,
        end_to_end_id=query.end_to_end_id,
        status=query.status,
    )
    return await use.list_contests(call.tenant, wanted, query.wanted)
