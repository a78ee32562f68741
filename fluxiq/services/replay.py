"""The same idempotency key again: the same answer, or why there is none."""

import msgspec

from fluxiq.errors import Refused
from fluxiq.ports import Differs, Replay, Running
from fluxiq.services.messages import Answer, Json


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal on paper, so that a replay refuses in the same words."""

    code: str
    message: str
    details: Json = {}

    def raised(self) -> Refused:
        return Refused(self.code, self.message, details=self.details)


_decode = msgspec.json.Decoder(Refusal).decode


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
