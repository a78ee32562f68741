"""The desk: it answers questions about one tree, and keeps the book in which deeds are written."""

import os
import pwd
import secrets
import time
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog

from actors.admin import approvals, draining, log_levels
from actors.admin.approvals import Approvals
from actors.admin.arguments import Arguments, BadArguments
from actors.admin.deeds import DEEDS
from actors.admin.looks import LOOKS
from actors.admin.verbs import ALONE, YES, Hooks, Verb, merged
from actors.admin.views import change_view
from actors.masking import masked_reason
from fluxiq.admin.protocol import Fault, Question, Reply, line
from fluxiq.domain.approval import Approval
from fluxiq.errors import FluxiqError, Refused, Unavailable
from fluxiq.ports.origin import Origin, comes_from, comes_from_before
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

NOBODY = 2**32 - 1  # the login of a process that nobody logged in for (proc(5), loginuid)

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


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel says."""

    pid: int
    uid: int

    @property
    def user(self) -> str:
        """The unix user's name, or its number where it has none here."""
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    @property
    def person(self) -> str:
        """Who logged in, also behind sudo, as the kernel keeps it; else the unix user. Where
        approval is asked for this tells two people apart, who both act as one user.
        """
        try:
            login = int(Path(f"/proc/{self.pid}/loginuid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return self.user
        return self.user if login == NOBODY else Peer(self.pid, login).user


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
        self._peer: ContextVar[Peer] = ContextVar("peer")
        self._encoded: tuple[Snapshot | Diff, bytes] | None = None

    async def answer(self, question: Question, peer: Peer) -> Reply:  # noqa: PLR0911  a table
        """Never raises for what was asked; a verb that breaks is told and logged as our bug."""
        look, deed = self.verbs.looks.get(question.verb), self.verbs.deeds.get(question.verb)
        if look is None and deed is None:
            return fault("unknown_verb", f"there is no verb {question.verb!r}")
        arguments = Arguments(question.arguments)
        try:
            if look is not None:
                return Reply(answer=await look.run(self, arguments))
            assert deed is not None
            return await self._act(deed, question, arguments, peer)
        except BadArguments as error:
            return fault("bad_arguments", str(error))
        except Refused as error:
            return fault(error.code, str(error))
        except Unavailable as error:
            return fault("unavailable", str(error))
        except SupervisionError as error:
            return fault(_code(error), str(error))
        except ValueError as error:
            return fault("bad_arguments", str(error))
        except Exception as error:  # noqa: BLE001  no verb may end the socket
            _log.exception("admin_verb_failed", verb=question.verb)
            return fault("internal", f"{question.verb} failed: {type(error).__name__}")

    async def answer_line(self, question: Question, peer: Peer) -> bytes:
        """The answer as it goes over the wire; one that cannot be told is our bug, and told so."""
        return _line(await self.answer(question, peer), question.verb)

    @property
    def person(self) -> str:
        """Who asks for the deed that is being done."""
        return self._peer.get().person

    async def carry_out(self, question: Question, approval: Approval) -> object:
        """Do what was proposed, now that it is approved. Raises what the deed raises."""
        arguments = Arguments(question.arguments)
        arguments.flag(YES)
        arguments.flag(ALONE)
        deed = self.verbs.deeds[question.verb]
        how = f", proposed by {approval.proposed_by} as {approval.id}"
        return (await self._do(deed, question, arguments, self._peer.get(), how)).answer

    async def _act(self, verb: Verb, question: Question, arguments: Arguments, peer: Peer) -> Reply:
        if not self.writes:
            return fault("read_only", f"{question.verb} is not for this socket")
        if not arguments.flag(YES):
            return fault("needs_yes", f'{question.verb} changes something: say "yes": true')
        if not verb.for_two:
            return await self._do(verb, question, arguments, peer)

        alone = arguments.flag(ALONE)
        if self.approvals is None:
            return await self._do(verb, question, arguments, peer)
        if not alone:
            return self._propose(self.approvals, question, peer)
        _log.error("admin_verb_used_alone", verb=question.verb, user=peer.user)
        return await self._do(verb, question, arguments, peer, ", alone: nobody approved it")

    def _propose(self, kept: Approvals, question: Question, peer: Peer) -> Reply:
        """A fault, so that nobody takes it for done."""
        approval_id = f"apr_{secrets.token_hex(8)}"
        approval = kept.propose(approval_id, question, peer.person)
        self._write_down(question, peer, approval_id, f"proposed by {approval.proposed_by}")
        until = approval.expires_at.isoformat(timespec="seconds")
        return fault(
            "needs_approval",
            f"proposed, not done: somebody else says `approvals approve {approval_id}` by {until}",
        )

    async def _do(
        self, verb: Verb, question: Question, arguments: Arguments, peer: Peer, how: str = ""
    ) -> Reply:
        # The intent is on paper before the deed, and the outcome after it, whatever that is. What
        # the deed itself writes to an audit trail has the same number.
        deed = f"deed_{secrets.token_hex(8)}"
        self._write_down(question, peer, deed, f"asked{how}")
        outcome = "failed"
        known = self._peer.set(peer)
        token = comes_from(
            Origin(
                credential=f"unix:{peer.user}",
                address=f"admin socket, pid {peer.pid}",
                request_id=deed,
            )
        )
        try:
            reply = Reply(answer=await verb.run(self, arguments))
            outcome = f"done{how}"
        except (SupervisionError, FluxiqError, BadArguments, ValueError) as error:
            outcome = masked_reason(f"refused: {error}")
            raise
        finally:
            comes_from_before(token)
            self._peer.reset(known)
            self._write_down(question, peer, deed, outcome)
        return reply

    def _write_down(self, question: Question, peer: Peer, deed: str, outcome: str) -> None:
        given = redact(question.arguments)
        given.pop(YES, None)
        record = {
            "at": time.time(),
            "deed": deed,
            "user": peer.user,
            "uid": peer.uid,
            "pid": peer.pid,
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


def _line(reply: Reply, verb: str) -> bytes:
    try:
        return line(reply)
    except Exception as error:  # noqa: BLE001  a fact or a state that nobody can write
        _log.exception("admin_answer_failed", verb=verb)
        return line(
            fault("internal", f"the answer to {verb} cannot be told: {type(error).__name__}")
        )


def _code(error: SupervisionError) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), "refused")
