"""Dead letters: how workers make them, and what operators see and order of them."""

from typing import TYPE_CHECKING

import structlog
from msgspec import to_builtins

from actors.admin.arguments import Arguments, BadArguments
from actors.admin.verbs import Hooks, Verb
from actors.branch import Branch
from actors.consumer import Failed
from actors.queues import Queue
from actors.tenants import tenant_of
from fluxiq.bus import Delivery
from fluxiq.domain.dead_letter import DeadLetter, LetterState, retry_seconds
from fluxiq.domain.hold import OpenHold
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.postings import TransferCode
from fluxiq.errors import Refused
from fluxiq.services.dead_letters import note_failure, readable, reference_of, replay_all
from fluxiq.services.tenant import Tenant, Tenants

if TYPE_CHECKING:
    from actors.admin.desk import Desk

LISTED = 50
LISTED_MAX = 1000
BODY_CHARACTERS_MAX = 4000

_log = structlog.get_logger("queues")


def failing(branch: Branch, queue: Queue) -> Failed:
    """What a worker of this queue does about a message it fails at."""

    async def failed(delivery: Delivery, error: Exception) -> float | None:
        reference = reference_of(delivery.message_id)
        noted = await note_failure(
            branch.tenant.get(),
            subject=delivery.subject,
            reference=reference,
            body=delivery.body,
            error=error,
        )
        fields = {"queue": str(queue), "reference": reference}
        if noted is None:
            _log.warning("message_dropped", **fields, why="nothing is owed under it any more")
            return None

        branch.metrics.message_failures.labels(branch.ispb, queue).inc()
        if noted.letter is None:
            said = error if noted.failures == 1 else None
            _log.warning("message_failed", **fields, failures=noted.failures, exc_info=said)
            return retry_seconds(noted.failures)

        branch.metrics.dead_letters.labels(branch.ispb, queue).inc()
        letter = noted.letter
        _log.error("message_died", **fields, letter=letter.id, payment=letter.payment_id)
        return None

    return failed


def dead_letter_verbs(tenants: Tenants) -> Hooks:
    """The verbs, for the institutions that are open when one is asked."""

    async def dead_letters(_desk: "Desk", arguments: Arguments) -> object:
        tenant, state = tenant_of(tenants, arguments), _state(arguments)
        limit = min(arguments.number("limit", LISTED), LISTED_MAX)
        arguments.done()
        return [_brief(one) for one in await tenant.dead_letters.letters(state, limit)]

    async def dead_letter(_desk: "Desk", arguments: Arguments) -> object:
        tenant, letter_id = tenant_of(tenants, arguments), arguments.number("id", 0)
        arguments.done()
        found = await tenant.dead_letters.find(letter_id)
        if found is None:
            raise Refused("dead_letter_not_found", f"no dead letter {letter_id}")
        return _whole(tenant, found)

    async def dead_letter_replay(_desk: "Desk", arguments: Arguments) -> object:
        tenant, every = tenant_of(tenants, arguments), arguments.flag("all")
        letter_id, reason = arguments.number("id", 0), arguments.reason()
        arguments.done()
        if every == bool(letter_id):
            raise BadArguments("id: name one letter, or all")
        if every:
            waiting = await tenant.dead_letters.letters(LetterState.DEAD, LISTED_MAX)
            # Oldest first, as they came.
            ids = [one.id for one in reversed(waiting)]
            return {"replayed": await replay_all(tenant, ids, reason)}

        await tenant.dead_letters.replay(letter_id, tenant.clock.now(), reason)
        tenant.relay.ring()
        return {"replayed": [letter_id]}

    async def dead_letter_discard(_desk: "Desk", arguments: Arguments) -> object:
        tenant, letter_id = tenant_of(tenants, arguments), arguments.number("id", 0)
        reason = arguments.reason()
        arguments.done()
        letter = await tenant.dead_letters.discard(letter_id, tenant.clock.now(), reason)
        return _whole(tenant, letter)

    async def holds(_desk: "Desk", arguments: Arguments) -> object:
        tenant = tenant_of(tenants, arguments)
        arguments.done()
        return [_hold(one) for one in await tenant.holds.findings(LISTED_MAX)]

    return Hooks(
        looks={
            "dead_letters": Verb(dead_letters, ("institution", "state", "limit")),
            "dead_letter": Verb(dead_letter, ("institution", "id")),
            "holds": Verb(holds, ("institution",)),
        },
        deeds={
            "dead_letter_replay": Verb(dead_letter_replay, ("institution", "id", "all", "reason")),
            "dead_letter_discard": Verb(dead_letter_discard, ("institution", "id", "reason")),
        },
    )


def _state(arguments: Arguments) -> LetterState | None:
    said = arguments.text("state", LetterState.DEAD)
    if said == "any":
        return None
    if said not in list(LetterState):
        raise BadArguments(f"state: must be one of {', '.join(LetterState)}, or any")
    return LetterState(said)


def _brief(letter: DeadLetter) -> dict[str, object]:
    return {
        "id": letter.id,
        "state": letter.state,
        "subject": letter.subject,
        "work": letter.work,
        "payment_id": letter.payment_id,
        "failures": letter.failures,
        "died_at": letter.died_at,
        "error": letter.error.strip().rpartition("\n")[2],
    }


def _whole(tenant: Tenant, letter: DeadLetter) -> dict[str, object]:
    body = readable(tenant, letter.subject, letter.reference, letter.body)
    said = body.decode(errors="replace")[:BODY_CHARACTERS_MAX]
    return {**to_builtins(letter), "body": said}


def _hold(hold: OpenHold) -> dict[str, object]:
    return {
        "id": tb_id_text(hold.id),
        "kind": TransferCode(hold.code).name.lower(),
        "amount": hold.amount,
        "held_at": hold.held_at,
        "finding": hold.finding,
        "found_at": hold.found_at,
    }
