"""The operators' desk behind the API: `ports.operations.OperationsDesk` over a Desk of this tree.

Who operates the platform is asked the verb as it is; anybody else through the scope of their
institution (scope.py, sifting.py). What the desk writes down and asks approval for is the same for
both, and the same as at the admin socket.
"""

from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from actors.admin.approvals import Approvals
from actors.admin.arguments import BadArguments
from actors.admin.askers import WebPerson
from actors.admin.desk import Desk, code_of
from actors.admin.lasting import Lasting
from actors.admin.scope import INSTITUTION, PROCESS_VERBS, Scope
from actors.admin.sifting import sift
from actors.admin.tree_watch import TreeViews
from actors.admin.verbs import ALONE, YES, Verb
from fluxiq.admin.protocol import VERSION, Question
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.operations import Operator
from supervisors import CallTimeout, SupervisionError

_DECISIONS: Final = frozenset({"approvals_approve", "approvals_reject"})
# They end what they were asked through, which waits for its requests, which wait for them.
_ENDS_THE_DOORS: Final = frozenset({"drain", "undrain"})
_ENDS_A_PROCESS: Final = frozenset({"restart", "stop"})
# For those at the machine alone: the glass that is broken there, and what the desk reads itself.
_NOT_SAID_HERE: Final = (ALONE, YES)


class WebDesk:
    """`door` is the path of the actor that serves the API; `lasting` sees deeds through."""

    def __init__(self, desk: Desk, door: str, lasting: Lasting) -> None:
        self._desk = desk
        self._door = door
        self._lasting = lasting
        self._views = TreeViews(desk.tree)

    async def look(self, operator: Operator, verb: str, /, **arguments: Any) -> Any:
        known = self._desk.verbs.looks.get(verb)
        if known is None:
            raise _unknown(verb)
        return await self._ask(operator, verb, known, arguments)

    async def act(self, operator: Operator, verb: str, /, *, reason: str, **arguments: Any) -> Any:
        known = self._desk.verbs.deeds.get(verb)
        if known is None:
            raise _unknown(verb)
        for word in _NOT_SAID_HERE:
            if word in arguments:
                raise Refused("validation_failed", "is said at the admin socket only", field=word)
        if verb in _DECISIONS:
            self._check_decision(operator, arguments.get("id"))
        said = arguments | {"reason": reason, YES: True}
        return await self._lasting.outcome(partial(self._ask, operator, verb, known, said))

    def watch_tree(self, operator: Operator) -> AsyncGenerator[dict[str, Any], None]:
        return self._views.watch(_scope(operator))

    async def _ask(
        self, operator: Operator, verb: str, known: Verb, arguments: Mapping[str, Any]
    ) -> Any:
        scope = _scope(operator)
        try:
            if scope is None:
                narrowed = self._spelled_out(operator, verb, known, arguments)
            else:
                narrowed = scope.narrow(self._desk.tree, verb, known, arguments)
            self._check_door(verb, narrowed)
            question = Question(version=VERSION, verb=verb, arguments=narrowed)
            answer = await self._desk.hear(question, WebPerson(operator))
        except (Refused, Unavailable):
            raise
        except CallTimeout as error:
            raise Unavailable("process", str(error)) from error
        except (BadArguments, SupervisionError, ValueError) as error:
            raise _refused(error) from error

        told = msgspec.to_builtins(answer, enc_hook=repr)
        return told if scope is None else sift(scope, verb, told)

    def _spelled_out(
        self, operator: Operator, verb: str, known: Verb, arguments: Mapping[str, Any]
    ) -> dict[str, Any]:
        """One's own institution unless told, and paths for names: the trails go by both."""
        said = dict(arguments)
        if verb in PROCESS_VERBS and isinstance(name := said.get("name"), str):
            said["name"] = self._desk.tree.resolve(name)
        if INSTITUTION in known.arguments and said.setdefault(INSTITUTION, operator.ispb) is None:
            del said[INSTITUTION]
        return said

    def _check_decision(self, operator: Operator, approval_id: object) -> None:
        """Raises Refused("approval_not_found") for what is proposed about others."""
        scope, kept = _scope(operator), self._desk.approvals
        if scope is None or kept is None:
            return
        for approval, question in kept.list():
            if approval.id == approval_id and scope.concerns(question.arguments):
                return
        raise Approvals.missing(approval_id)

    def _check_door(self, verb: str, arguments: Mapping[str, Any]) -> None:
        ends = verb in _ENDS_THE_DOORS
        if verb in _ENDS_A_PROCESS:
            ends = f"{self._door}/".startswith(f"{arguments.get('name')}/")
        if ends:
            raise Refused(
                "not_over_http", "it ends the API, which answers you: do it at the admin socket"
            )


def _scope(operator: Operator) -> Scope | None:
    return None if operator.of_platform else Scope(operator.ispb)


def _unknown(verb: str) -> Refused:
    return Refused("unknown_verb", f"there is no verb {verb!r}")


def _refused(error: Exception) -> Refused:
    """What is wrong with an argument names it first: `level: must be …`."""
    code = code_of(error)
    assert code is not None, "only what has a code is caught"
    if code != "bad_arguments":
        return Refused(code, str(error))
    field, colon, message = str(error).partition(": ")
    if colon and field.isidentifier():
        return Refused("validation_failed", message, field=field)
    return Refused("validation_failed", str(error))
