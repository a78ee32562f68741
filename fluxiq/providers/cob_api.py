"""Charges with a location, over the BCB's API Pix 2.9.0: `PUT` and `PATCH /cob/{txid}`.

A payer's bank shows and pays what the provider has, so an answer that differs from what was asked
in amount, key or time is none: nobody is ever shown the location of another charge.
"""

from typing import Final

import msgspec
import trio

from fluxiq.domain.money import reais
from fluxiq.domain.records import Person
from fluxiq.errors import Unavailable
from fluxiq.http1 import NoAnswer, NotSent, Response
from fluxiq.ports.locations import LocationWanted
from fluxiq.providers.cob_messages import (
    Calendar,
    Cob,
    CobRemoval,
    CobStatus,
    CobWanted,
    Value,
)
from fluxiq.providers.contest_api import ContestApi
from fluxiq.providers.order_api import decode_whole
from fluxiq.providers.order_messages import Payer

SECONDS_MAX: Final = 3.0  # a merchant waits for its charge meanwhile

_SCHEME: Final = "https://"
_CPF_LENGTH: Final = 11
_MADE: Final = frozenset({200, 201})

# It was paid, removed or expired before, or is not known: there is nothing left to be paid.
_OVER: Final = frozenset({200, 400, 404, 409, 410, 422})


class CobApi(ContestApi):
    """`ports.locations.Locations`, beside all that a provider of orders can do."""

    @property
    def offers_locations(self) -> bool:
        return bool(self._charges_path)

    async def open_location(self, wanted: LocationWanted) -> str:
        response = await self._say("PUT", wanted.txid, _encode(_cob_of(wanted)))
        cob = decode_whole(response, _COB) if response.status in _MADE else None
        if cob is None:
            raise self._turned_away(response)
        if not _is_what_was_asked(cob, wanted):
            raise Unavailable(self._name, f"made another charge of {wanted.txid}")
        return cob.location.removeprefix(_SCHEME)

    async def close_location(self, txid: str) -> None:
        body = _encode(CobRemoval(status=CobStatus.REMOVED_BY_PAYEE))
        response = await self._say("PATCH", txid, body)
        if response.status not in _OVER:
            raise self._turned_away(response)

    async def _say(self, method: str, txid: str, body: bytes) -> Response:
        try:
            with trio.fail_after(SECONDS_MAX):
                return await self._call(method, f"{self._charges_path}/{txid}", body)
        except (NotSent, NoAnswer) as error:
            raise Unavailable(self._name, str(error)) from None
        except trio.TooSlowError:
            raise Unavailable(self._name, f"no answer within {SECONDS_MAX:g} s") from None


def _cob_of(wanted: LocationWanted) -> CobWanted:
    return CobWanted(
        calendario=Calendar(expiracao=wanted.lasts_seconds),
        valor=Value(original=reais(wanted.amount)),
        chave=wanted.pix_key,
        devedor=None if wanted.payer is None else _payer(wanted.payer),
        solicitacaoPagador=wanted.description,
    )


def _payer(person: Person) -> Payer:
    is_person = len(person.document) == _CPF_LENGTH
    return Payer(
        nome=person.name,
        cpf=person.document if is_person else None,
        cnpj=None if is_person else person.document,
    )


def _is_what_was_asked(cob: Cob, wanted: LocationWanted) -> bool:
    return (cob.txid, cob.status, cob.valor.original, cob.chave, cob.calendario.expiracao) == (
        wanted.txid,
        CobStatus.ACTIVE,
        reais(wanted.amount),
        wanted.pix_key,
        wanted.lasts_seconds,
    )


_encode = msgspec.json.Encoder().encode
_COB = msgspec.json.Decoder(Cob)
