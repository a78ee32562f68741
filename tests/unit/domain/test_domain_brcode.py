"""BR Code: build, parse, and refuse what was altered."""

import string
import unicodedata
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fluxiq.domain import tlv
from fluxiq.domain.brcode import BrCode, PointOfInitiation, build, fit_text, parse
from fluxiq.domain.money import AMOUNT_MAX_CENTAVOS
from fluxiq.errors import Refused

EVP = "123e4567-e12b-12d1-a456-426655440000"

# Both printed in BACEN's manual.
STATIC = (
    "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
DYNAMIC = (
    "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***630464E4"
)
FULANO: dict[str, Any] = {"merchant_name": "Fulano de Tal", "merchant_city": "BRASILIA"}

PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
ALPHANUMERIC = string.ascii_letters + string.digits


def one_line(length_max: int) -> st.SearchStrategy[str]:
    """Text as it should stand in a code: composed, single spaces inside, none around."""
    return (
        st.text(PRINTABLE | st.sampled_from("áãçéíõúÁÃÇÉÍÕÚ "), min_size=1, max_size=length_max)
        .map(lambda text: unicodedata.normalize("NFC", " ".join(text.split())))
        .filter(lambda text: 1 <= len(text) <= length_max and text == " ".join(text.split()))
    )


KEYS = st.uuids().map(str) | st.sampled_from(
    ["52998224725", "12ABC34501DE35", "+5511987654321", "fulano@example.com"]
)
URLS = st.text(ALPHANUMERIC + "-_/", max_size=60).map(lambda path: f"pix.example.com/{path}")

WHO = {
    "merchant_name": one_line(25),
    "merchant_city": one_line(15),
    "merchant_category": st.text(string.digits, min_size=4, max_size=4),
    "point_of_initiation": st.none() | st.sampled_from(PointOfInitiation),
    "amount": st.none() | st.integers(1, AMOUNT_MAX_CENTAVOS),
    "recurrence_url": st.none() | URLS,
}
STATIC_CODES = st.fixed_dictionaries(
    {
        **WHO,
        "key": KEYS,
        # 99 for the template: 18 of GUI, 40 of the longest key, 4 of header.
        "info": st.none() | one_line(37),
        "txid": st.none() | st.text(ALPHANUMERIC, min_size=1, max_size=25),
    }
)
DYNAMIC_CODES = st.fixed_dictionaries({**WHO, "url": URLS})
CODES = STATIC_CODES | DYNAMIC_CODES


def crc_bit_by_bit(data: bytes) -> int:
    """CRC-16/CCITT-FALSE as its definition says, one bit at a time."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF

    return crc


def sealed(body: str) -> str:
    """`body` with a right CRC, by the other implementation."""
    return f"{body}6304{crc_bit_by_bit(f'{body}6304'.encode()):04X}"


def resealed(text: str, old: str, new: str) -> str:
    """`text` with one part replaced and the CRC made right again."""
    body = text[:-8]
    assert body.count(old) == 1, old
    return sealed(body.replace(old, new))


def refusal_of(text: str) -> tuple[str, str]:
    with pytest.raises(Refused) as refusal:
        parse(text)

    return refusal.value.code, refusal.value.details["field"]


class TestVectors:
    def test_the_manual_s_static_code_is_built_byte_for_byte(self) -> None:
        assert build(**FULANO, key=EVP) == STATIC

    def test_the_manual_s_dynamic_code_is_built_byte_for_byte(self) -> None:
        url = "pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
        assert build(**FULANO, url=url, point_of_initiation=PointOfInitiation.ONCE) == DYNAMIC

    def test_the_manual_s_static_code_is_read(self) -> None:
        code = parse(STATIC)
        assert code == BrCode(**FULANO, key=EVP)
        assert code.is_static

    def test_the_manual_s_dynamic_code_is_read(self) -> None:
        code = parse(DYNAMIC)
        assert code.url == "pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
        assert code.point_of_initiation is PointOfInitiation.ONCE
        assert code.txid is None
        assert not code.is_static

    def test_the_crc_is_ccitt_false(self) -> None:
        assert tlv.crc16(b"123456789") == 0x29B1

    @given(st.binary(max_size=600))
    def test_the_crc_agrees_with_its_definition(self, data: bytes) -> None:
        assert tlv.crc16(data) == crc_bit_by_bit(data)


class TestRoundTrip:
    @given(CODES)
    def test_what_was_built_is_what_is_read(self, parts: dict[str, Any]) -> None:
        assert parse(build(**parts)) == BrCode(**parts)

    @given(CODES)
    def test_a_code_is_short_and_ends_with_its_crc(self, parts: dict[str, Any]) -> None:
        text = build(**parts)
        assert len(text) <= 512
        assert text == sealed(text[:-8])

    @given(STATIC_CODES)
    def test_an_ascii_code_has_only_ascii(self, parts: dict[str, Any]) -> None:
        try:
            text = build(**parts, ascii_only=True)
        except Refused as refusal:
            # Nothing ASCII was in it, or one sign became several letters.
            assume(refusal.details["field"] not in {"merchant_name", "merchant_city", "info", "26"})
            raise

        assert text.isascii()
        assert parse(text).amount == parts["amount"]

    def test_lengths_count_characters_and_the_crc_counts_bytes(self) -> None:
        text = build(merchant_name="João Ação", merchant_city="São Paulo", key=EVP)
        assert "5909João Ação6009São Paulo" in text
        assert text[-4:] == f"{crc_bit_by_bit(text[:-4].encode()):04X}"
        assert parse(text).merchant_city == "São Paulo"

    def test_accents_are_composed_so_that_each_letter_counts_once(self) -> None:
        apart = unicodedata.normalize("NFD", "São Paulo")
        assert len(apart) == 10
        assert parse(build(merchant_name="X", merchant_city=apart, key=EVP)).merchant_city == (
            "São Paulo"
        )

    def test_accents_can_be_taken_off(self) -> None:
        text = build(
            merchant_name="João Ação",
            merchant_city="São Paulo",
            key=EVP,
            info="pão",
            ascii_only=True,
        )
        code = parse(text)
        assert (code.merchant_name, code.merchant_city, code.info) == (
            "Joao Acao",
            "Sao Paulo",
            "pao",
        )

    def test_a_key_is_written_as_the_directory_stores_it(self) -> None:
        assert parse(build(**FULANO, key="529.982.247-25")).key == "52998224725"
        assert parse(build(**FULANO, key="Fulano@Example.com")).key == "fulano@example.com"

    def test_a_small_crc_is_padded_with_zeros(self) -> None:
        texts = (build(**FULANO, key=EVP, txid=str(number)) for number in range(5000))
        padded = next(text for text in texts if text[-4] == "0")
        assert parse(padded).key == EVP

    def test_a_recurrence_alone_makes_a_code(self) -> None:
        text = build(**FULANO, recurrence_url="pix.example.com/rec/1")
        assert "26180014br.gov.bcb.pix" in text
        assert "80430014br.gov.bcb.pix2521pix.example.com/rec/1" in text
        assert parse(text) == BrCode(**FULANO, recurrence_url="pix.example.com/rec/1")


class TestAlteration:
    @given(CODES, st.data())
    def test_changing_any_one_character_is_refused(
        self, parts: dict[str, Any], data: st.DataObject
    ) -> None:
        """Sure for characters of as many bytes, one or two: 16 bits see every burst of 16."""
        text = build(**parts)
        at = data.draw(st.integers(0, len(text) - 1))
        width = len(text[at].encode())
        assume(width <= 2)
        same_width = (
            st.characters(max_codepoint=0x7F)
            if width == 1
            else st.characters(min_codepoint=0x80, max_codepoint=0x7FF)
        )
        other = data.draw(same_width.filter(lambda character: character != text[at]))
        assert refusal_of(text[:at] + other + text[at + 1 :]) == (tlv.CODE, "63")

    @pytest.mark.parametrize("vector", [STATIC, DYNAMIC])
    def test_every_single_letter_change_of_the_manual_s_codes_is_refused(self, vector: str) -> None:
        for at, letter in enumerate(vector):
            for other in ("0", "7", "A", "a", " ", "*"):
                if other != letter:
                    altered = vector[:at] + other + vector[at + 1 :]
                    assert refusal_of(altered) == (tlv.CODE, "63"), altered

    @given(CODES, st.data())
    def test_a_cut_code_is_refused(self, parts: dict[str, Any], data: st.DataObject) -> None:
        text = build(**parts)
        cut = text[: data.draw(st.integers(0, len(text) - 1))]
        # An accident of one in 65536 apart, and then the fields after the cut are missing.
        assert refusal_of(cut)[0] == tlv.CODE

    def test_a_crc_in_lower_case_is_refused(self) -> None:
        assert refusal_of(STATIC[:-4] + STATIC[-4:].lower()) == (tlv.CODE, "63")

    @pytest.mark.parametrize("text", ["", "6304", "63041D3D", "\ud800" * 20, "0" * 600])
    def test_what_is_no_code_at_all_is_refused(self, text: str) -> None:
        assert refusal_of(text)[0] == tlv.CODE

    def test_a_lone_surrogate_inside_is_refused_not_a_crash(self) -> None:
        assert refusal_of(STATIC.replace("Fulano", "Fulan\ud800")) == (tlv.CODE, "63")

    @given(st.text(max_size=200))
    def test_any_other_text_with_a_right_crc_is_refused_without_a_crash(self, body: str) -> None:
        with pytest.raises(Refused) as refusal:
            parse(sealed(body))

        assert refusal.value.code == tlv.CODE


class TestStructure:
    @pytest.mark.parametrize(
        ("old", "new", "field"),
        [
            ("000201", "", "00"),
            ("000201", "000202", "00"),
            ("5204000053", "53", "52"),
            ("52040000", "5204000A", "52"),
            ("5303986", "", "53"),
            ("5303986", "5303840", "53"),
            ("5802BR", "", "58"),
            ("5802BR", "5802US", "58"),
            ("5913Fulano de Tal", "", "59"),
            ("6008BRASILIA", "", "60"),
            ("62070503***", "", "62"),
            ("62070503***", "62080804test", "62.05"),
            ("26580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-426655440000", "", "26"),
            ("26580014br.gov.bcb.pix", "26580014br.gov.bcb.pax", "26"),
        ],
    )
    def test_a_missing_or_wrong_field_is_named(self, old: str, new: str, field: str) -> None:
        assert refusal_of(resealed(STATIC, old, new)) == (tlv.CODE, field)

    @pytest.mark.parametrize(
        ("old", "new", "field"),
        [
            ("5802BR", "5802BR5802BR", "58"),
            ("62070503***", "62140503***0503***", "62.05"),
            ("26580014br.gov.bcb.pix0136", "26650014br.gov.bcb.pix0203abc0136", None),
            ("26580014br.gov.bcb.pix0136", "26720014br.gov.bcb.pix0203abc0203abc0136", "26.02"),
        ],
    )
    def test_a_field_that_occurs_twice_is_refused(
        self, old: str, new: str, field: str | None
    ) -> None:
        text = resealed(STATIC, old, new)
        if field is None:
            assert parse(text).info == "abc"
        else:
            assert refusal_of(text) == (tlv.CODE, field)

    @pytest.mark.parametrize(
        ("old", "new", "field"),
        [
            ("6008BRASILIA", "6099BRASILIA", "60"),
            ("6008BRASILIA", "6000", "60"),
            ("6008BRASILIA", "6007BRASILIA", "A6"),
            ("6008BRASILIA", "6008BRASILIA6100", "61"),
            ("0503***", "0504***", "62.05"),
            ("0136123e", "0137123e", "26.01"),
            ("000201", "00020", "13"),
            ("62070503***", "62070503***6", "6"),
            ("62070503***", "62070503***6\N{SUPERSCRIPT TWO}01", "6\N{SUPERSCRIPT TWO}"),
        ],
    )
    def test_a_field_that_is_cut_short_is_named(self, old: str, new: str, field: str) -> None:
        assert refusal_of(resealed(STATIC, old, new)) == (tlv.CODE, field)

    def test_the_code_begins_with_field_00(self) -> None:
        moved = sealed(STATIC[6:-8] + STATIC[:6])
        assert refusal_of(moved) == (tlv.CODE, "00")

    def test_a_second_crc_inside_is_refused(self) -> None:
        assert refusal_of(sealed(STATIC)) == (tlv.CODE, "63")

    def test_a_code_longer_than_512_is_refused(self) -> None:
        long = sealed(STATIC[:-8] + "".join(f"{tag}99{'x' * 99}" for tag in range(81, 86)))
        assert refusal_of(long) == (tlv.CODE, "qr_code")

    def test_other_fields_and_other_schemes_are_skipped(self) -> None:
        other = "27190015com.example.pay" + "61081234567864110002PT0101X"
        assert parse(resealed(STATIC, "52040000", f"{other}52040000")) == parse(STATIC)

    def test_the_pix_template_may_stand_anywhere_from_26_to_51(self) -> None:
        assert parse(resealed(STATIC, "26580014br", "51580014br")) == parse(STATIC)
        assert refusal_of(resealed(STATIC, "26580014br", "25580014br")) == (tlv.CODE, "26")

    def test_a_gui_in_upper_case_is_understood(self) -> None:
        assert parse(resealed(STATIC, "br.gov.bcb.pix", "BR.GOV.BCB.PIX")) == parse(STATIC)

    def test_two_pix_templates_are_refused(self) -> None:
        second = f"51580014br.gov.bcb.pix0136{EVP}"
        assert refusal_of(resealed(STATIC, "52040000", f"{second}52040000")) == (tlv.CODE, "51")


class TestValues:
    @pytest.mark.parametrize(
        ("written", "centavos"), [("5406150.00", 15000), ("540310.", None), ("54041.50", 150)]
    )
    def test_an_amount_is_read_exactly_or_refused(self, written: str, centavos: int | None) -> None:
        text = resealed(STATIC, "5802BR", f"{written}5802BR")
        if centavos is None:
            assert refusal_of(text) == ("invalid_amount", "54")
        else:
            assert parse(text).amount == centavos

    @pytest.mark.parametrize(
        "written", ["54040.00", "54011e", "5404-1.0", "54051.005", "54041,50", "541499999999999.99"]
    )
    def test_an_amount_that_is_none_is_refused(self, written: str) -> None:
        code, field = refusal_of(resealed(STATIC, "5802BR", f"{written}5802BR"))
        assert (code, field) in {("invalid_amount", "54"), (tlv.CODE, "e5")}

    def test_a_txid_is_read(self) -> None:
        assert parse(resealed(STATIC, "62070503***", "62090505Ab123")).txid == "Ab123"

    @pytest.mark.parametrize("txid", ["a-b", "**", "é"])
    def test_a_malformed_txid_is_refused(self, txid: str) -> None:
        field = f"05{len(txid):02d}{txid}"
        text = resealed(STATIC, "62070503***", f"62{len(field):02d}{field}")
        assert refusal_of(text) == ("invalid_txid", "62.05")

    def test_a_malformed_key_is_refused(self) -> None:
        text = resealed(STATIC, EVP, EVP.replace("123e", "123g"))
        assert refusal_of(text) == ("invalid_pix_key", "26.01")

    @pytest.mark.parametrize("mode", ["10", "13", "AA"])
    def test_an_unknown_point_of_initiation_is_refused(self, mode: str) -> None:
        assert refusal_of(resealed(DYNAMIC, "010212", f"0102{mode}")) == (tlv.CODE, "01")

    @pytest.mark.parametrize(
        "name", ["\x00", "a\nb", "\N{RIGHT-TO-LEFT OVERRIDE}abc", "x" * 26, "a\N{LINE SEPARATOR}"]
    )
    def test_a_name_that_cannot_be_shown_is_refused(self, name: str) -> None:
        text = resealed(STATIC, "5913Fulano de Tal", f"59{len(name):02d}{name}")
        assert refusal_of(text) == (tlv.CODE, "59")

    @pytest.mark.parametrize(
        "url",
        [
            *("https://example.com/a", "user@example.com/a", "example.com/a b", "/a"),
            *("example.com\\a", "example.com#a", "exämple.com/a", "example.com:abc/"),
        ],
    )
    def test_a_url_that_would_lead_elsewhere_is_refused(self, url: str) -> None:
        template = f"0014br.gov.bcb.pix25{len(url):02d}{url}"
        body = DYNAMIC[:-8]
        start, end = body.index("2670"), body.index("5204")
        text = sealed(f"{body[:start]}26{len(template):02d}{template}{body[end:]}")
        assert refusal_of(text) == (tlv.CODE, "26.25")

    def test_a_key_and_a_url_exclude_each_other(self) -> None:
        text = resealed(STATIC, "26580014br.gov.bcb.pix", "26710014br.gov.bcb.pix2509a.com/abc")
        assert refusal_of(text) == (tlv.CODE, "26.25")

    def test_neither_a_key_nor_a_url_is_refused(self) -> None:
        text = resealed(STATIC, f"26580014br.gov.bcb.pix0136{EVP}", "26180014br.gov.bcb.pix")
        assert refusal_of(text) == (tlv.CODE, "26.01")

    def test_a_recurrence_s_bad_url_is_named_by_its_own_template(self) -> None:
        text = sealed(STATIC[:-8] + "81290014br.gov.bcb.pix2507https:/")
        assert refusal_of(text) == (tlv.CODE, "81.25")


class TestBuilding:
    @pytest.mark.parametrize(
        ("changed", "code", "field"),
        [
            ({"merchant_name": ""}, tlv.CODE, "merchant_name"),
            ({"merchant_name": "x" * 26}, tlv.CODE, "merchant_name"),
            ({"merchant_name": "日本", "ascii_only": True}, tlv.CODE, "merchant_name"),
            ({"merchant_city": "x" * 16}, tlv.CODE, "merchant_city"),
            ({"merchant_city": "a\x00b"}, tlv.CODE, "merchant_city"),
            ({"merchant_name": "a\ud800"}, tlv.CODE, "merchant_name"),
            ({"info": "x" * 73}, tlv.CODE, "info"),
            ({"info": ""}, tlv.CODE, "info"),
            ({"info": "x" * 38}, tlv.CODE, "26"),
            ({"key": "x"}, "invalid_pix_key", "key"),
            ({"key": None}, tlv.CODE, "key"),
            ({"url": "a.com/b"}, tlv.CODE, "url"),
            ({"key": None, "url": "https://a.com/b"}, tlv.CODE, "url"),
            ({"key": None, "url": "a.com/b", "info": "x"}, tlv.CODE, "info"),
            ({"recurrence_url": "x" * 78}, tlv.CODE, "recurrence_url"),
            ({"amount": 0}, "invalid_amount", "amount"),
            ({"amount": AMOUNT_MAX_CENTAVOS + 1}, "invalid_amount", "amount"),
            ({"txid": "***"}, "invalid_txid", "txid"),
            ({"txid": "x" * 26}, "invalid_txid", "txid"),
            ({"merchant_category": "12"}, tlv.CODE, "merchant_category"),
        ],
    )
    def test_an_argument_that_no_reader_would_accept_is_named(
        self, changed: dict[str, Any], code: str, field: str
    ) -> None:
        with pytest.raises(Refused) as refusal:
            build(**{**FULANO, "key": EVP, **changed})

        assert (refusal.value.code, refusal.value.details["field"]) == (code, field)

    def test_the_longest_email_key_fills_its_template_exactly(self) -> None:
        key = "a" * 71 + "@b.com"
        text = build(**FULANO, key=key)
        assert "2699" in text
        assert parse(text).key == key

    def test_the_longest_static_code_is_within_the_limit(self) -> None:
        text = build(
            merchant_name="x" * 25,
            merchant_city="x" * 15,
            key="a" * 71 + "@b.com",
            amount=AMOUNT_MAX_CENTAVOS,
            txid="x" * 25,
            point_of_initiation=PointOfInitiation.REUSABLE,
            recurrence_url="x" * 77,
        )
        assert len(text) <= 512
        assert "54139999999999.99" in text


class TestFitText:
    @pytest.mark.parametrize(
        ("text", "length", "fitted"),
        [
            ("Padaria", 25, "Padaria"),
            ("  Padaria \n do  João ", 25, "Padaria do João"),
            ("Padaria e Confeitaria Nossa Senhora", 25, "Padaria e Confeitaria"),
            ("Padaria e Confeitaria Noss", 21, "Padaria e Confeitaria"),
            ("Paralelepipedolandia", 15, "Paralelepipedol"),
            ("A Paralelepipedolandia", 15, "A Paralelepiped"),
            ("", 15, ""),
        ],
    )
    def test_a_long_text_is_cut_at_a_word_where_it_can_be(
        self, text: str, length: int, fitted: str
    ) -> None:
        assert fit_text(text, length) == fitted

    def test_accents_are_taken_off_on_request(self) -> None:
        assert fit_text("São João del-Rei", 15, ascii_only=True) == "Sao Joao"

    @given(st.text(), st.integers(1, 40), st.booleans())
    def test_it_always_fits_and_fitting_twice_changes_nothing(
        self, text: str, length: int, ascii_only: bool
    ) -> None:
        fitted = fit_text(text, length, ascii_only=ascii_only)
        assert len(fitted) <= length
        assert fit_text(fitted, length, ascii_only=ascii_only) == fitted
