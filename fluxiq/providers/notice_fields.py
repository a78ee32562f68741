"""The fields that notices of every provider have, read strictly: each refusal names its field."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import msgspec

from fluxiq.domain.identifiers import is_return_id, parse_end_to_end_id, parse_return_id
from fluxiq.domain.money import AmountUnit, centavos_of, require_amount
from fluxiq.domain.records import Person
from fluxiq.errors import Refused

T = TypeVar("T")

CODE = "invalid_notice"

_WHERE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")


class SaidOfPayer(Protocol):
    """The BCB's words for a person: a cpf, or a company's cnpj, and the name."""

    @property
    def nome(self) -> str: ...

    @property
    def cpf(self) -> str | None: ...

    @property
    def cnpj(self) -> str | None: ...


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    """What a body says. Raises Refused `malformed_json`, or `invalid_notice` whose `field` is the
    path of the culprit (`pix[0].valor`).
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _named(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("malformed_json", f"the notices are not JSON: {error}") from None
    except RecursionError:
        raise Refused("malformed_json", "the notices are nested too deeply") from None


def amount_of(text: str, field: str, unit: AmountUnit = AmountUnit.REAIS) -> int:
    """Centavos, 1 or more, of an amount's text."""
    return _checked(lambda: require_amount(centavos_of(text, unit=unit)), field)


def moment_of(moment: datetime, field: str) -> datetime:
    """`moment` in UTC."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        message = "beyond the years that a date can have"
        raise Refused(CODE, message, field=field) from None


def end_to_end_id_of(text: str, field: str) -> str:
    _checked(lambda: parse_end_to_end_id(text), field)
    return text


def return_id_of(text: str, field: str) -> str:
    _checked(lambda: parse_return_id(text), field)
    return text


def order_id_of(text: str, field: str) -> str:
    """An end-to-end id, or a refund's return id."""
    return text if is_return_id(text) else end_to_end_id_of(text, field)


def payer_of(said: SaidOfPayer | None, field: str) -> Person | None:
    if said is None:
        return None

    document = said.cpf or said.cnpj
    if document is None or (said.cpf and said.cnpj):
        raise Refused(CODE, "a payer has a cpf or a cnpj", field=field)
    return Person(document=document, name=said.nome)


def _checked(check: Callable[[], T], field: str) -> T:
    try:
        return check()
    except Refused as refused:
        raise Refused(CODE, refused.message, field=field) from None


def _named(error: msgspec.ValidationError) -> Refused:
    """The refusal behind msgspec's `… - at `$.pix[0].valor``, its field apart. Says nothing of the
    value, which may be a customer's.
    """
    match = _WHERE.match(str(error))
    text, where = match.groups(default="") if match else (str(error), "")
    if named := _UNKNOWN.match(text) or _MISSING.match(text):
        where = f"{where}.{named[1]}" if where else named[1]
    return Refused(CODE, text[:1].lower() + text[1:], field=where or "body")
