"""The ledger: the circuit breaker in front of TigerBeetle, and proofs of the books. It is shared by
all institutions, and for operators of the platform.
"""

from typing import Literal

from msgspec import Struct

from fluxiq.api.contract import Call, Rate
from fluxiq.api.v1.operations.room import DEED, NOT_YOURS, READ, WRITE, Digits, Why, room
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.operations.ledger import (
    LedgerView,
    VerificationView,
    ledger_view,
    verification_view,
)

routes = room()

Word = Literal["open", "close", "auto"]


class VerifyLedger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`deep` also sorts every transfer, which takes longer."""

    deep: bool = False


@routes.get("/ledger", permission=READ, rate=Rate.READ, reply=Data[LedgerView], refuses=NOT_YOURS)
async def show_ledger(call: Call) -> Data[LedgerView]:
    """The circuit breaker and every institution's writer behind it."""
    return Data(ledger_view(await call.operations.look(call.operator, "breaker")))


@routes.post(
    "/ledger/breaker/{word}",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[LedgerView],
    status=200,
    refuses=(*DEED, "not_running", "too_many_approvals"),
)
async def turn_breaker(call: Call, word: Word, body: Why) -> Data[LedgerView]:
    """`open` it or `close` it until another word; `auto` takes the word back. Needs a second person
    where the platform asks for that.
    """
    answer = await call.operations.act(call.operator, f"breaker_{word}", reason=body.reason)
    return Data(ledger_view(answer))


@routes.post(
    "/ledger/verifications",
    permission=READ,
    rate=Rate.WRITE,
    reply=Data[VerificationView],
    status=202,
    refuses=(*NOT_YOURS, "not_running"),
)
async def verify_ledger(call: Call, body: VerifyLedger) -> Data[VerificationView]:
    """Begin to prove the ledgers' invariants, or join the run under way."""
    answer = await call.operations.look(call.operator, "ledger_verify", deep=body.deep)
    return Data(verification_view(answer))


@routes.get(
    "/ledger/verifications/{number}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[VerificationView],
    refuses=(*NOT_YOURS, "not_running"),
)
async def show_ledger_verification(call: Call, number: Digits) -> Data[VerificationView]:
    """How far a run is. Only the last one is kept."""
    answer = await call.operations.look(call.operator, "ledger_verify", run=int(number))
    return Data(verification_view(answer))
