"""Deeds for two: one operator proposes, another one approves, and then it is done.

A proposal is kept by the process that will carry it out, and dies with it: a deed for a platform
that has restarted meanwhile is thought about again. What was proposed, by whom, and what became of
it is in the book of deeds, as of every deed, and from there on the audit trails.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from actors.admin.arguments import Arguments
from actors.admin.verbs import ALONE, YES, Hooks, Verb
from fluxiq.admin.protocol import Question
from fluxiq.domain.approval import Approval, ApprovalEvent, decide, expire
from fluxiq.errors import Refused
from fluxiq.ports import Clock
from fluxiq.settings import Operators
from fluxiq.telemetry.redaction import redact

if TYPE_CHECKING:
    from actors.admin.desk import Desk

KEPT_MAX: Final = 100  # the decided ones that came first go first

_NOT_THE_DEED: Final = (YES, ALONE, "reason")


class Approvals:
    """What was proposed at one desk; `seconds` to approve it in, `now` an aware time."""

    def __init__(self, seconds: float, now: Callable[[], datetime]) -> None:
        self._seconds = seconds
        self._now = now
        self._known: dict[str, tuple[Approval, Question]] = {}

    @classmethod
    def of(cls, operators: Operators, clock: Clock) -> "Approvals | None":
        """None where one person is enough."""
        return cls(operators.approval_seconds, clock.now) if operators.two_people else None

    def propose(self, approval_id: str, question: Question, by: str) -> Approval:
        """Raises Refused("too_many_approvals")."""
        now = self._now()
        self._age(now)
        if len(self._known) >= KEPT_MAX:
            raise Refused("too_many_approvals", f"{KEPT_MAX} wait already: reject some")
        approval = Approval(
            id=approval_id,
            action=question.verb,
            digest=digest_of(question),
            proposed_by=by,
            proposed_at=now,
            expires_at=now + timedelta(seconds=self._seconds),
        )
        self._known[approval_id] = approval, question
        return approval

    def decide(self, approval_id: str, event: ApprovalEvent, by: str) -> tuple[Approval, Question]:
        """Once and for ever. Raises Refused: approval_not_found, approval_over, or
        maker_is_checker.
        """
        found = self._known.get(approval_id)
        if found is None:
            raise self.missing(approval_id)
        decided = decide(found[0], event, by, self._now())
        self._known[approval_id] = decided, found[1]
        return decided, found[1]

    def list(self) -> list[tuple[Approval, Question]]:
        """The last proposed first."""
        self._age(self._now())
        return list(reversed(self._known.values()))

    @staticmethod
    def missing(approval_id: object) -> Refused:
        return Refused("approval_not_found", f"nothing was proposed as {approval_id!r} here")

    def _age(self, now: datetime) -> None:
        for key, (approval, question) in self._known.items():
            self._known[key] = expire(approval, now), question
        decided = [key for key, (one, _) in self._known.items() if one.decided_at is not None]
        for key in decided[: max(0, len(self._known) - KEPT_MAX + 1)]:
            del self._known[key]


def digest_of(question: Question) -> str:
    """SHA-256 of the verb and its arguments, without what is said beside them."""
    given = {name: said for name, said in question.arguments.items() if name not in _NOT_THE_DEED}
    said = msgspec.json.encode([question.verb, given], order="deterministic")
    return hashlib.sha256(said).hexdigest()


async def _list(desk: "Desk", arguments: Arguments) -> object:
    arguments.done()
    return {
        "is_asked_for": desk.approvals is not None,
        "approvals": []
        if desk.approvals is None
        else [view(*one) for one in desk.approvals.list()],
    }


async def _approve(desk: "Desk", arguments: Arguments) -> object:
    approval, question = _decided(desk, arguments, ApprovalEvent.APPROVED)
    return await desk.carry_out(question, approval)


async def _reject(desk: "Desk", arguments: Arguments) -> object:
    return view(*_decided(desk, arguments, ApprovalEvent.REJECTED))


def _decided(desk: "Desk", arguments: Arguments, event: ApprovalEvent) -> tuple[Approval, Question]:
    approval_id = arguments.text("id")
    arguments.reason()
    arguments.done()
    if desk.approvals is None:
        raise Refused("approval_not_found", "this platform asks nobody for approval")
    return desk.approvals.decide(approval_id, event, desk.person)


def view(approval: Approval, question: Question) -> Mapping[str, Any]:
    """Plain data, secrets masked."""
    said = {name: one for name, one in redact(question.arguments).items() if name != YES}
    told: dict[str, Any] = msgspec.to_builtins(approval)
    return told | {"arguments": said}


VERBS: Final = Hooks(
    looks={"approvals": Verb(_list)},
    deeds={
        "approvals_approve": Verb(_approve, ("id", "reason")),
        "approvals_reject": Verb(_reject, ("id", "reason")),
    },
)
