"""The same idempotency key again: the same answer, or why there is none."""

from collections.abc import Awaitable, Callable

import msgspec

from fluxiq.errors import Refused
from fluxiq.ports import Differs, Idempotency, Replay, Running
from fluxiq.services.messages.envelope import Answer, Json
from fluxiq.services.tenant import Tenant


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal on paper, so that a replay refuses in the same words."""

    code: str
    message: str
    details: Json = {}

    def raised(self) -> Refused:
        return Refused(self.code, self.message, details=self.details)


_decode = msgspec.json.Decoder(Refusal).decode


async def once(
    tenant: Tenant,
    merchant_id: str,
    idempotency: Idempotency | None,
    work: Callable[[], Awaitable[Answer]],
) -> Answer:
    """What `work` answers, from Redis where this very request was answered lately.

    Which of several equal requests does the work is decided in there, by one row of Postgres.
    """
    if idempotency is None:
        return await work()

    kept = await tenant.kept_answers.find(merchant_id, idempotency)
    if kept is not None:
        return kept

    answer = await work()
    if not (answer.replayed or answer.provisional):
        await tenant.kept_answers.keep(merchant_id, idempotency, answer)
    return answer


async def replay_if_known(
    tenant: Tenant, merchant_id: str, idempotency: Idempotency | None
) -> Answer | None:
    """What a request that is refused today was answered when it came first; None if it never was.

    A key may have left DICT, an account may be blocked by now: the answer of then still holds, or
    its merchant would believe the refusal and pay twice.
    """
    if idempotency is None:
        return None
    known = await tenant.store.find_opening(merchant_id, idempotency, tenant.clock.now())
    return None if known is None else replay(known)


def replay(opening: Replay | Running | Differs) -> Answer:
    """The answer given before. Raises Refused as it was raised before, or for the key itself."""
    match opening:
        case Replay(refused=False, body=body):
            return Answer(body=body, replayed=True)
        case Replay(body=body):
            raise _decode(body).raised()
        case Running(resource_id=resource_id):
            raise Refused(
                "idempotency_in_progress",
                "the first request with this key is still being worked on",
                details={"resource_id": resource_id},
            )
        case Differs():
            raise Refused(
                "idempotency_key_reused",
                "this key was used for a different request in the last 30 days",
                field="idempotency_key",
            )
