"""BR Codes beside an implementation that is not ours: Stark Bank's published package.

It takes accents off and cuts names, so the texts here are plain ASCII that fit. It writes 512 bytes
at most, as ours does.
"""

import string
from typing import Any

from brcode import dynamic, static
from brcode.utils.brcodeId import jsonFromBrcode
from hypothesis import assume, given
from hypothesis import strategies as st

from fluxiq.domain.brcode import PointOfInitiation, build, parse
from fluxiq.domain.money import AMOUNT_MAX_CENTAVOS, reais
from tests.unit.domain.test_domain_brcode import DYNAMIC, KEYS, STATIC, URLS

_WORDS = string.ascii_letters + string.digits + "-./&"


def words(length_max: int) -> st.SearchStrategy[str]:
    return st.text(_WORDS, min_size=1, max_size=length_max)


# Amounts as floats, in their code: exact only while reais have few digits.
_AMOUNTS = st.none() | st.integers(1, 10**11)
_TXIDS = st.none() | st.text(string.ascii_letters + string.digits, min_size=1, max_size=25)


def theirs(**said: Any) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value is not None}


_STATIC_CODES = st.fixed_dictionaries(
    {
        "key": KEYS,
        "name": words(25),
        "city": words(15),
        "amount": _AMOUNTS,
        "description": st.none() | words(30),
        "txid": _TXIDS,
    }
)


@given(_STATIC_CODES)
def test_a_static_code_is_the_same_text_as_theirs(said: dict[str, Any]) -> None:
    ours = build(
        key=said["key"],
        merchant_name=said["name"],
        merchant_city=said["city"],
        amount=said["amount"],
        info=said["description"],
        txid=said["txid"],
    )

    assert static.fromJson(theirs(**{**said, "txid": said["txid"] or "***"})) == ours


@given(URLS, words(25), words(15))
def test_a_dynamic_code_is_the_same_text_as_theirs(url: str, name: str, city: str) -> None:
    ours = build(
        url=url,
        merchant_name=name,
        merchant_city=city,
        point_of_initiation=PointOfInitiation.ONCE,
    )

    assert dynamic.fromJson({"url": url, "name": name, "city": city, "txid": "***"}) == ours


@given(KEYS, words(25), words(15), st.integers(1, AMOUNT_MAX_CENTAVOS), _TXIDS)
def test_they_read_what_we_wrote(
    key: str, name: str, city: str, amount: int, txid: str | None
) -> None:
    code = build(key=key, merchant_name=name, merchant_city=city, amount=amount, txid=txid)

    read = jsonFromBrcode(code)
    assert read["26"] == {"00": "br.gov.bcb.pix", "01": key}
    assert (read["59"], read["60"]) == (name, city)
    assert read["54"] == reais(amount)
    assert read["62"] == {"05": txid or "***"}


@given(KEYS, words(25), words(15), _AMOUNTS, _TXIDS)
def test_we_read_what_they_wrote(
    key: str, name: str, city: str, amount: int | None, txid: str | None
) -> None:
    said = theirs(key=key, name=name, city=city, amount=amount)
    code = static.fromJson({**said, "txid": txid or "***"})
    assume(len(code) <= 512)

    read = parse(code)
    assert (read.key, read.merchant_name, read.merchant_city) == (key, name, city)
    assert (read.amount, read.txid) == (amount, txid)


def test_both_read_the_vectors_of_the_manual_alike() -> None:
    for text in (STATIC, DYNAMIC):
        ours, read = parse(text), jsonFromBrcode(text)
        assert read["26"].get("01") == ours.key
        assert read["26"].get("25") == ours.url
        assert (read["59"], read["60"]) == (ours.merchant_name, ours.merchant_city)
