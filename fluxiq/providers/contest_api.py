"""What is said about contests over HTTP: our contract, beside that of infractions, in its words."""

from typing import Final
from urllib.parse import quote

import msgspec

from fluxiq.domain.contest import Contest, ContestAnswer, ContestWord
from fluxiq.domain.money import reais
from fluxiq.errors import Unavailable, Unknown
from fluxiq.http1 import NoAnswer, NotSent, Response
from fluxiq.providers.fraud_api import FraudApi
from fluxiq.providers.order_api import TURNED_AWAY, decode_error, decode_whole
from fluxiq.providers.order_messages import (
    AnalysisResult,
    ContestOrder,
    InfractionReply,
    InfractionState,
    Situation,
)

NOT_OFFERED: Final = "contests_not_offered"  # by this link

_OK, _CREATED, _NOT_FOUND = 200, 201, 404
_REFUSED: Final = frozenset({400, 409, 422})
_UNKNOWN_HERE: Final = "not_found"
_CODE_LENGTH_MAX: Final = 64

_WORD: Final = {
    (InfractionState.OPEN, None): ContestWord.OPEN,
    (InfractionState.ACKNOWLEDGED, None): ContestWord.ACKNOWLEDGED,
    (InfractionState.CLOSED, AnalysisResult.AGREED): ContestWord.ACCEPTED,
    (InfractionState.CLOSED, AnalysisResult.DISAGREED): ContestWord.REJECTED,
    (InfractionState.CANCELLED, None): ContestWord.CANCELLED,
}


class ContestApi(FraudApi):
    """`ports.contest_desk.ContestDesk`, beside the infractions."""

    async def report_contest(self, contest: Contest) -> ContestAnswer:
        order = ContestOrder(
            end_to_end_id=contest.end_to_end_id,
            amount=reais(contest.amount),
            situation=Situation(contest.reason.upper()),
            details=contest.details,
        )
        return await self._tell_contest("PUT", contest.id, "", _encode(order))

    async def cancel_contest(self, contest_id: str) -> ContestAnswer:
        return await self._tell_contest("POST", contest_id, "/cancel", b"{}")

    async def find_contest(self, contest_id: str) -> ContestAnswer:
        if not self._contests_path:
            return ContestAnswer(ContestWord.UNKNOWN)  # whom nobody could tell of it
        response = await self._ask(self._contest(contest_id))
        answer = _answer_of(response)
        if answer is None:
            raise self._turned_away(response)
        return answer

    async def _tell_contest(
        self, method: str, contest_id: str, verb: str, body: bytes
    ) -> ContestAnswer:
        if not self._contests_path:
            return ContestAnswer(ContestWord.REFUSED, NOT_OFFERED)
        try:
            response = await self._call(method, f"{self._contest(contest_id)}{verb}", body)
        except NotSent as error:
            raise Unavailable(self._name, str(error)) from None
        except NoAnswer as error:
            raise Unknown(self._name, contest_id, str(error)) from None

        answer = _answer_of(response) or _refusal_of(response)
        if answer is not None and (verb or answer.word is not ContestWord.UNKNOWN):
            return answer
        if response.status in TURNED_AWAY and decode_error(response) is not None:
            raise self._turned_away(response)
        text = f"answered {response.status} with nothing that decides"
        raise Unknown(self._name, contest_id, text)

    def _contest(self, contest_id: str) -> str:
        return f"{self._contests_path}/{quote(contest_id, safe='')}"


def _answer_of(response: Response) -> ContestAnswer | None:
    """How it stands; unknown only where a 404 says so itself: a lost route is no lost contest."""
    if response.status == _NOT_FOUND:
        why = decode_error(response)
        is_unknown = why is not None and why.code == _UNKNOWN_HERE
        return ContestAnswer(ContestWord.UNKNOWN) if is_unknown else None
    if response.status not in {_OK, _CREATED}:
        return None
    reply = decode_whole(response, _REPLY)
    word = None if reply is None else _WORD.get((reply.status, reply.result))
    return None if word is None else ContestAnswer(word)


def _refusal_of(response: Response) -> ContestAnswer | None:
    why = decode_error(response) if response.status in _REFUSED else None
    return None if why is None else ContestAnswer(ContestWord.REFUSED, _code_of(why.code))


def _code_of(code: str) -> str:
    """A provider's code as we keep it; what is none is not repeated."""
    is_code = code.isascii() and code.replace("_", "").isalnum() and len(code) <= _CODE_LENGTH_MAX
    return code.lower() if is_code else "refused_by_provider"


_encode = msgspec.json.Encoder().encode
_REPLY = msgspec.json.Decoder(InfractionReply)
