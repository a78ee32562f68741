"""The BR Code: the text behind a PIX QR code ("Pix copia e cola").

Source: BACEN, Manual do BR Code and Manual de Padrões para Iniciação do Pix, on top of EMVCo's
Merchant-Presented Mode. A *static* code carries a key; a *dynamic* one carries the address of a
signed payload, where amount, txid and expiry live. A static code cannot expire by itself.
"""

import re
import unicodedata
from enum import StrEnum

from msgspec import Struct

from fluxiq.domain import tlv
from fluxiq.domain.identifiers import parse_static_txid
from fluxiq.domain.keys import classify
from fluxiq.domain.money import centavos_of, reais, require_amount
from fluxiq.errors import Refused

__all__ = ["BrCode", "PointOfInitiation", "build", "fit_text", "parse"]

NAME_LENGTH_MAX = 25
CITY_LENGTH_MAX = 15
INFO_LENGTH_MAX = 72
URL_LENGTH_MAX = 77

_GUI = "br.gov.bcb.pix"
_GUI_FIELD = f"00{len(_GUI):02d}{_GUI}"
_NO_TXID = "***"
_CURRENCY_BRL = "986"
_COUNTRY = "BR"
_TEMPLATES = tuple(f"{number:02d}" for number in range(26, 52))
_RECURRENCES = tuple(f"{number:02d}" for number in range(80, 100))
# Control, format (they reverse the reading order), surrogate, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_CATEGORY = re.compile(r"[0-9]{4}")
_AMOUNT = re.compile(r"[0-9]{1,10}(\.[0-9]{1,2})?")
_URL = re.compile(
    r"[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?(?::[0-9]{1,5})?(?:/[0-9A-Za-z._~!$&'()*+,;=:@%/?-]*)?"
)


class PointOfInitiation(StrEnum):
    """Field 01: whether the code may be paid more than once. Absent means it may."""

    REUSABLE = "11"
    ONCE = "12"


class BrCode(Struct, frozen=True, kw_only=True):
    """What a BR Code says. Exactly one of `key` and `url`, or neither beside a `recurrence_url`.

    `amount` is centavos, None where the payer chooses (static) or the payload decides (dynamic).
    `txid` None is written `***`. URLs have no scheme: it is always https.
    """

    merchant_name: str
    merchant_city: str
    key: str | None = None
    url: str | None = None
    info: str | None = None
    amount: int | None = None
    txid: str | None = None
    merchant_category: str = "0000"
    point_of_initiation: PointOfInitiation | None = None
    recurrence_url: str | None = None

    @property
    def is_static(self) -> bool:
        return self.key is not None


def build(
    *,
    merchant_name: str,
    merchant_city: str,
    key: str | None = None,
    url: str | None = None,
    info: str | None = None,
    amount: int | None = None,
    txid: str | None = None,
    merchant_category: str = "0000",
    point_of_initiation: PointOfInitiation | None = None,
    recurrence_url: str | None = None,
    ascii_only: bool = False,
) -> str:
    """The text of a BR Code. Arguments are those of BrCode; `amount` is 1 centavo or more.

    `ascii_only` writes "SAO PAULO" for "São Paulo": some old readers count bytes. Nothing is cut:
    use `fit_text` for names longer than 25 and cities longer than 15.
    Raises Refused `invalid_qr_code`, `invalid_amount`, `invalid_pix_key` or `invalid_txid`; the
    `field` is the argument's name, or the EMV path where several arguments share the blame.
    """
    code = BrCode(
        merchant_name=_plain(merchant_name, ascii_only=ascii_only),
        merchant_city=_plain(merchant_city, ascii_only=ascii_only),
        key=None if key is None else classify(key, field="key")[1],
        url=url,
        info=None if info is None else _plain(info, ascii_only=ascii_only),
        amount=None if amount is None else require_amount(amount),
        txid=None if txid is None else parse_static_txid(txid),
        merchant_category=merchant_category,
        point_of_initiation=point_of_initiation,
        recurrence_url=recurrence_url,
    )
    _check(code, _ARGUMENTS)
    text = tlv.seal(tlv.write(_fields(code)))
    if len(text) > tlv.CODE_LENGTH_MAX:
        raise _refused(f"longer than {tlv.CODE_LENGTH_MAX} characters", "qr_code")

    return text


def parse(text: str) -> BrCode:
    """What the BR Code `text` says, every rule of the manual checked.

    Raises Refused, always with the EMV path of the culprit as `field` ("26.01"): `invalid_qr_code`
    for the structure, `invalid_pix_key`, `invalid_amount` or `invalid_txid` for a value. Fields
    that the manual does not define are skipped, as EMV asks of readers. A dynamic code's amount and
    txid are returned as written, but the payload behind `url` decides.
    """
    if len(text) > tlv.CODE_LENGTH_MAX:
        raise _refused(f"longer than {tlv.CODE_LENGTH_MAX} characters", "qr_code")

    fields = tlv.read(tlv.unseal(text))
    _check_constants(fields)
    path, template = _pix_template(fields, _TEMPLATES)
    if path is None:
        raise _refused("no template of br.gov.bcb.pix", "26")

    recurrence_path, recurrence = _pix_template(fields, _RECURRENCES)
    key = template.get("01")
    code = BrCode(
        merchant_name=_required(fields, "59"),
        merchant_city=_required(fields, "60"),
        key=None if key is None else classify(key, field=f"{path}.01")[1],
        url=template.get("25"),
        info=template.get("02"),
        amount=_amount_of(fields.get("54")),
        txid=_txid_of(fields),
        merchant_category=_required(fields, "52"),
        point_of_initiation=_point_of_initiation_of(fields.get("01")),
        recurrence_url=recurrence.get("25"),
    )
    _check(code, _paths(path, recurrence_path or "80"))
    return code


def fit_text(text: str, length_max: int, *, ascii_only: bool = False) -> str:
    """`text` on one line, cut to `length_max` code points at most, at a word where that loses less
    than half. Accents survive unless `ascii_only`.
    """
    plain = _plain(text, ascii_only=ascii_only)
    if len(plain) <= length_max:
        return plain

    cut = plain[:length_max]
    if plain[length_max] != " " and " " in cut[length_max // 2 :]:
        cut = cut[: cut.rindex(" ")]

    return cut.rstrip()


# What build and parse agree on. `names` says how the caller knows each part.

_ARGUMENTS = {name: name for name in BrCode.__struct_fields__}


def _paths(template: str, recurrence: str) -> dict[str, str]:
    return {
        "merchant_name": "59",
        "merchant_city": "60",
        "key": f"{template}.01",
        "url": f"{template}.25",
        "info": f"{template}.02",
        "amount": "54",
        "txid": "62.05",
        "merchant_category": "52",
        "point_of_initiation": "01",
        "recurrence_url": f"{recurrence}.25",
    }


def _check(code: BrCode, names: dict[str, str]) -> None:
    if code.key is not None and code.url is not None:
        raise _refused("a key and a URL exclude each other", names["url"])

    if code.key is None and code.url is None and code.recurrence_url is None:
        raise _refused("neither a key nor a URL", names["key"])

    if code.info is not None and code.key is None:
        raise _refused("only a static code carries information", names["info"])

    _check_text(code.merchant_name, NAME_LENGTH_MAX, names["merchant_name"])
    _check_text(code.merchant_city, CITY_LENGTH_MAX, names["merchant_city"])
    if code.info is not None:
        _check_text(code.info, INFO_LENGTH_MAX, names["info"])

    _check_url(code.url, names["url"])
    _check_url(code.recurrence_url, names["recurrence_url"])
    if _CATEGORY.fullmatch(code.merchant_category) is None:
        raise _refused("a merchant category has four digits", names["merchant_category"])


def _check_text(text: str, length_max: int, field: str) -> None:
    if not 1 <= len(text) <= length_max:
        raise _refused(f"1 to {length_max} characters", field)

    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise _refused("a character that cannot be printed", field)


def _check_url(url: str | None, field: str) -> None:
    if url is not None and (len(url) > URL_LENGTH_MAX or _URL.fullmatch(url) is None):
        raise _refused(f"a URL without scheme, at most {URL_LENGTH_MAX} characters", field)


# Building.


def _fields(code: BrCode) -> list[tuple[str, str | None]]:
    account = [("00", _GUI), ("01", code.key), ("02", code.info), ("25", code.url)]
    recurrence = [("00", _GUI), ("25", code.recurrence_url)]
    return [
        ("00", "01"),
        ("01", code.point_of_initiation),
        ("26", tlv.write(account, within="26.")),
        ("52", code.merchant_category),
        ("53", _CURRENCY_BRL),
        ("54", None if code.amount is None else reais(code.amount)),
        ("58", _COUNTRY),
        ("59", code.merchant_name),
        ("60", code.merchant_city),
        ("62", tlv.write([("05", code.txid or _NO_TXID)])),
        ("80", None if code.recurrence_url is None else tlv.write(recurrence, within="80.")),
    ]


def _plain(text: str, *, ascii_only: bool) -> str:
    """Composed accents and single spaces; `ascii_only` keeps what has an ASCII letter inside."""
    line = " ".join(text.split())
    if not ascii_only:
        return unicodedata.normalize("NFC", line)

    # Decomposing may leave a space where an accent stood alone.
    letters = unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode()
    return " ".join(letters.split())


# Parsing.


def _check_constants(fields: dict[str, str]) -> None:
    if next(iter(fields), None) != "00":
        raise _refused("the code must begin with field 00", "00")

    for tag, wanted in (("00", "01"), ("53", _CURRENCY_BRL), ("58", _COUNTRY)):
        if _required(fields, tag) != wanted:
            raise _refused(f"expected {wanted}", tag)

    if "63" in fields:
        raise _refused("the CRC must come last, once", "63")


def _required(fields: dict[str, str], tag: str) -> str:
    if tag not in fields:
        raise _refused("the field is missing", tag)

    return fields[tag]


def _pix_template(
    fields: dict[str, str], tags: tuple[str, ...]
) -> tuple[str | None, dict[str, str]]:
    """The tag and the fields of the one template among `tags` that is PIX's; other schemes' may
    stand beside it. Many institutions write the GUI in upper case.
    """
    found: tuple[str | None, dict[str, str]] = (None, {})
    for tag in tags:
        value = fields.get(tag, "")
        if value[: len(_GUI_FIELD)].lower() != _GUI_FIELD:
            continue

        if found[0] is not None:
            raise _refused("two templates of br.gov.bcb.pix", tag)

        found = (tag, tlv.read(value, within=f"{tag}."))

    return found


def _amount_of(text: str | None) -> int | None:
    if text is None:
        return None

    if _AMOUNT.fullmatch(text) is None:
        raise Refused("invalid_amount", "at most ten digits and two decimals", field="54")

    return require_amount(centavos_of(text), field="54")


def _txid_of(fields: dict[str, str]) -> str | None:
    additional = tlv.read(_required(fields, "62"), within="62.")
    if "05" not in additional:
        raise _refused("the field is missing", "62.05")

    txid = additional["05"]
    return None if txid == _NO_TXID else parse_static_txid(txid, field="62.05")


def _point_of_initiation_of(text: str | None) -> PointOfInitiation | None:
    try:
        return None if text is None else PointOfInitiation(text)
    except ValueError:
        raise _refused("expected 11 or 12", "01") from None


def _refused(message: str, field: str) -> Refused:
    return Refused(tlv.CODE, message, field=field)
