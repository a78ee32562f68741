"""What operators ask and order of the ledger: the circuit breaker, and proofs of the books."""

from typing import TYPE_CHECKING

import trio
from msgspec import to_builtins

from actors.admin.arguments import Arguments
from actors.admin.verbs import Hooks, Run, Verb
from actors.ledger_board import Board, Member
from actors.ledger_breaker import Operate
from actors.ledger_reconciler import RECONCILER, Verify
from actors.platform import Platform
from fluxiq.errors import Refused
from fluxiq.ledgers.breaker import Event, OperatorRefused

if TYPE_CHECKING:
    from actors.admin.desk import Desk

BREAKER = "ledger/breaker"
CALL_SECONDS_MAX = 5.0

_DEEDS = {
    "breaker_open": Event.OPENED,
    "breaker_close": Event.CLOSED,
    "breaker_auto": Event.RELEASED,
}


def ledger_verbs(platform: Platform) -> Hooks:
    return verbs_of(platform.board)


def verbs_of(board: Board) -> Hooks:
    """Looking needs nobody's answer: all of it is on the board."""

    async def breaker(_desk: "Desk", arguments: Arguments) -> object:
        arguments.done()
        return breaker_view(board, trio.current_time())

    def deed(event: Event) -> Run:
        async def operate(desk: "Desk", arguments: Arguments) -> object:
            reason = arguments.reason()
            arguments.done()
            try:
                await desk.tree.ref(BREAKER).call(
                    Operate(event, f"operator: {reason}"), timeout=CALL_SECONDS_MAX
                )
            except OperatorRefused as error:
                raise Refused("refused", str(error)) from error
            return breaker_view(board, trio.current_time())

        return operate

    async def verify(desk: "Desk", arguments: Arguments) -> object:
        deep, number = arguments.flag("deep"), arguments.number("run", 0)
        arguments.done()
        run = await desk.tree.ref(RECONCILER).call(
            Verify(deep, number or None), timeout=CALL_SECONDS_MAX
        )
        return to_builtins(run)

    return Hooks(
        looks={"breaker": Verb(breaker), "ledger_verify": Verb(verify, ("deep", "run"))},
        deeds={
            name: Verb(deed(event), ("reason",), for_two=True) for name, event in _DEEDS.items()
        },
    )


def breaker_view(board: Board, now: float) -> dict[str, object]:
    """Plain data. `seconds`: in this state; `due`: seconds until it moves by itself, or None."""
    breaker = board.breaker
    return {
        "state": breaker.state.value,
        "seconds": now - breaker.since,
        "due": None if breaker.due == float("inf") else max(0.0, breaker.due - now),
        "reason": breaker.reason,
        "failures": breaker.failures,
        "probes": breaker.probes,
        "returns": breaker.returns,
        "pinned": breaker.pinned,
        "waits_for": board.still_out(),
        "history": [
            {
                "seconds_ago": now - one.at,
                "before": one.before.value,
                "after": one.after.value,
                "reason": one.reason,
            }
            for one in reversed(board.history)
        ],
        "institutions": [_member_view(one) for one in board.members.values()],
    }


def _member_view(member: Member) -> dict[str, object]:
    assert member.statistics is not None, "a member is enlisted with its writer"
    now = member.statistics()
    return {
        "institution": member.institution,
        "mode": now.mode.value,
        "epoch": now.epoch,
        "fenced": member.fenced,
        "is_back": member.is_back,
        "refused": list(now.refused),
        "waiting": now.waiting,
        "in_flight": now.in_flight,
        "unknown": now.unknown,
        "mirror_behind": now.mirror_behind,
        "batches": now.batches,
        "transfers": now.transfers,
        "fallbacks": now.fallbacks,
        "recoveries": now.recoveries,
        "last_report": now.last_report,
    }
