"""The desk: it answers questions about one tree, and keeps the book in which deeds are written."""

import os
import secrets
import time
from contextvars import ContextVar
from pathlib import Path

import msgspec
import structlog

from actors.admin import approvals, draining, log_levels
from actors.admin.approvals import Approvals
from actors.admin.arguments import Arguments, BadArguments
from actors.admin.askers import Asker
from actors.admin.deeds import DEEDS
from actors.admin.looks import LOOKS
from actors.admin.verbs import ALONE, YES, Hooks, Verb, merged
from actors.admin.views import change_view
from actors.masking import masked_reason
from fluxiq.admin.protocol import Fault, Question, Reply, line
from fluxiq.domain.approval import Approval
from fluxiq.errors import FluxiqError, Refused, Unavailable
from fluxiq.ports.origin import comes_from, comes_from_before
from fluxiq.telemetry.redaction import redact
from supervisors import (
    AmbiguousName,
    CallTimeout,
    ChildRefused,
    Diff,
    InvalidSpec,
    NoChild,
    NoProcess,
    NotAnActor,
    NotQuarantined,
    Snapshot,
    SupervisionError,
    Tree,
)

STANDARD = merged(
    Hooks(looks=LOOKS, deeds=DEEDS), draining.VERBS, log_levels.VERBS, approvals.VERBS
)

_log = structlog.get_logger("admin")

_CODES: tuple[tuple[type[SupervisionError], str], ...] = (
    (AmbiguousName, "ambiguous_name"),
    (NoChild, "no_child"),
    (NotAnActor, "not_an_actor"),
    (NotQuarantined, "not_quarantined"),
    (NoProcess, "not_running"),
    (CallTimeout, "timeout"),
    (InvalidSpec, "bad_arguments"),
    (ChildRefused, "refused"),
)


class Desk:
    """Answers questions about one tree; `writes` says whether its deeds are allowed here.

    `hooks` are the verbs that this platform's rooms add to the standard ones. With `approvals`
    deeds for two need two people. Raises VerbTaken.
    """

    def __init__(
        self,
        tree: Tree,
        *,
        writes: bool,
        audit: Path,
        hooks: Hooks | None = None,
        approvals: Approvals | None = None,
    ) -> None:
        self.tree = tree
        self.writes = writes
        self.verbs = STANDARD if hooks is None else merged(STANDARD, hooks)
        self.approvals = approvals
        self._audit = audit
        self._asker: ContextVar[Asker] = ContextVar("asker")
        self._encoded: tuple[Snapshot | Diff, bytes] | None = None

    async def answer(self, question: Question, asker: Asker) -> Reply:
        """Never raises for what was asked; a verb that breaks is told and logged as our bug."""
        try:
            return Reply(answer=await self.hear(question, asker))
        except Exception as error:  # noqa: BLE001  no verb may end the socket
            code = code_of(error)
            if code is not None:
                return fault(code, str(error))
            _log.exception("admin_verb_failed", verb=question.verb)
            return fault("internal", f"{question.verb} failed: {type(error).__name__}")

    async def hear(self, question: Question, asker: Asker) -> object:
        """The answer, or what `code_of` has a code for: Refused, Unavailable, BadArguments,
        ValueError and SupervisionError.
        """
        look, deed = self.verbs.looks.get(question.verb), self.verbs.deeds.get(question.verb)
        if look is not None:
            return await look.run(self, _arguments(question))
        if deed is not None:
            return await self._act(deed, question, _arguments(question), asker)
        raise Refused("unknown_verb", f"there is no verb {question.verb!r}")

    async def answer_line(self, question: Question, asker: Asker) -> bytes:
        """The answer as it goes over the wire; one that cannot be told is our bug, and told so."""
        return _line(await self.answer(question, asker), question.verb)

    @property
    def person(self) -> str:
        """Who asks for the deed that is being done."""
        return self._asker.get().person

    async def carry_out(self, question: Question, approval: Approval) -> object:
        """Do what was proposed, now that it is approved. Raises what the deed raises."""
        arguments = _arguments(question)
        arguments.flag(YES)
        arguments.flag(ALONE)
        deed = self.verbs.deeds[question.verb]
        how = f", proposed by {approval.proposed_by} as {approval.id}"
        return await self._do(deed, question, arguments, self._asker.get(), how)

    async def _act(
        self, verb: Verb, question: Question, arguments: Arguments, asker: Asker
    ) -> object:
        if not self.writes:
            raise Refused("read_only", f"{question.verb} is not for this socket")
        if not arguments.flag(YES):
            raise Refused("needs_yes", f'{question.verb} changes something: say "yes": true')
        if not verb.for_two:
            return await self._do(verb, question, arguments, asker)

        alone = arguments.flag(ALONE)
        if self.approvals is None:
            return await self._do(verb, question, arguments, asker)
        if not alone:
            raise self._propose(self.approvals, question, asker)
        _log.error("admin_verb_used_alone", verb=question.verb, user=asker.person)
        return await self._do(verb, question, arguments, asker, ", alone: nobody approved it")

    def _propose(self, kept: Approvals, question: Question, asker: Asker) -> Refused:
        """A refusal, so that nobody takes it for done."""
        approval_id = f"apr_{secrets.token_hex(8)}"
        approval = kept.propose(approval_id, question, asker.person)
        self._write_down(question, asker, approval_id, f"proposed by {approval.proposed_by}")
        until = approval.expires_at.isoformat(timespec="seconds")
        return Refused(
            "needs_approval",
            f"proposed, not done: somebody else says `approvals approve {approval_id}` by {until}",
            details={"approval_id": approval_id, "expires_at": until},
        )

    async def _do(
        self, verb: Verb, question: Question, arguments: Arguments, asker: Asker, how: str = ""
    ) -> object:
        # The intent is on paper before the deed, and the outcome after it, whatever that is. What
        # the deed itself writes to an audit trail has the same number.
        deed = f"deed_{secrets.token_hex(8)}"
        self._write_down(question, asker, deed, f"asked{how}")
        outcome = "failed"
        known = self._asker.set(asker)
        token = comes_from(asker.origin(deed))
        try:
            answer = await verb.run(self, arguments)
            outcome = f"done{how}"
        except (SupervisionError, FluxiqError, BadArguments, ValueError) as error:
            outcome = masked_reason(f"refused: {error}")
            raise
        finally:
            comes_from_before(token)
            self._asker.reset(known)
            self._write_down(question, asker, deed, outcome)
        return answer

    def _write_down(self, question: Question, asker: Asker, deed: str, outcome: str) -> None:
        given = redact(question.arguments)
        given.pop(YES, None)
        record = {
            "at": time.time(),
            "deed": deed,
            **asker.signature(),
            "verb": question.verb,
            "name": given.pop("name", None),
            "reason": given.pop("reason", ""),
            "arguments": given,
            "outcome": outcome,
        }
        _log.warning("admin_verb_used", **record)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._audit, flags, 0o600)
        try:
            os.write(descriptor, msgspec.json.encode(record) + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def path(self, arguments: Arguments) -> str:
        return self.tree.resolve(arguments.text("name"))

    def encoded(self, change: Snapshot | Diff) -> bytes:
        """A change as a line; many watchers share one encoding."""
        if self._encoded is None or self._encoded[0] is not change:
            self._encoded = (
                change,
                _line(Reply(answer=change_view(change, self.tree.closed_phases)), "watch"),
            )
        return self._encoded[1]


def fault(code: str, message: str) -> Reply:
    """What went wrong, masked: a message may repeat what was asked."""
    return Reply(error=Fault(code=code, message=masked_reason(message)))


def _arguments(question: Question) -> Arguments:
    return Arguments(question.arguments, spelled=question.spelled)


def _line(reply: Reply, verb: str) -> bytes:
    try:
        return line(reply)
    except Exception as error:  # noqa: BLE001  a fact or a state that nobody can write
        _log.exception("admin_answer_failed", verb=verb)
        return line(
            fault("internal", f"the answer to {verb} cannot be told: {type(error).__name__}")
        )


def code_of(error: Exception) -> str | None:
    """The stable code of what was asked wrongly, refused or away; None for a bug of ours."""
    match error:
        case Refused():
            return error.code
        case Unavailable():
            return "unavailable"
        case BadArguments() | ValueError():
            return "bad_arguments"
        case SupervisionError():
            return next((code for kind, code in _CODES if isinstance(error, kind)), "refused")
    return None
