"""DICT look-ups, and BR Codes made and read, over HTTP."""

import base64
from typing import Any
from urllib.parse import quote

import pytest

from fluxiq.domain import brcode
from tests.support.api_client import Merchant, data_of, error_of, field_of
from tests.support.api_twin import World

DICT = "/api/v1/pix/dict"
QR = "/api/v1/pix/qrcode"
PARSE = f"{QR}/parse"
KNOWN = "somebody@example.com"
EVP = "123e4567-e12b-12d1-a456-426655440000"
STATIC = (
    f"00020126580014br.gov.bcb.pix0136{EVP}"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D"
)
DYNAMIC = (
    "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
    "5204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***630464E4"
)


@pytest.mark.parametrize("key", [KNOWN, quote(KNOWN, safe=""), KNOWN.upper()])
async def test_a_key_is_shown_with_its_owner(key: str) -> None:
    found = await data_of(await Merchant(World()).get(f"{DICT}/{key}"))
    assert found["key"] == KNOWN
    assert found["key_type"] == "EMAIL"
    assert found["owner"] == {"name": "Somebody", "document": "***"}
    assert (found["ispb"], found["bank_name"]) == ("00000000", None)


async def test_a_key_that_nobody_has_is_not_found() -> None:
    response = await Merchant(World()).get(f"{DICT}/nobody@example.com")
    assert await error_of(response) == (404, "pix_key_not_found")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("%2B55119876543a1", "PHONE"),
        ("+0511987654321", "PHONE"),
        ("a%40b..com", "EMAIL"),
        ("12345678900", "CPF"),
        ("00038166000106", "CNPJ"),
        (f"{EVP[:-1]}g", "EVP"),
        ("chave", "any kind"),
        ("%00", "any kind"),
    ],
)
async def test_a_malformed_key_is_refused_by_the_kind_it_was_meant_to_be(
    key: str, kind: str
) -> None:
    world = World()
    response = await Merchant(world).get(f"{DICT}/{key}")
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (422, "invalid_pix_key")
    assert body["error"]["message"].endswith(kind)
    assert not world.cache.buckets, "what is no key costs nothing"


@pytest.mark.parametrize("away", [False, True])
async def test_who_tries_out_keys_runs_dry_alone(away: bool) -> None:
    world = World()
    scanner = Merchant(world)
    honest = Merchant(world, world.enroll("Outra", "outra@example.com"))
    world.cache.away = away

    for _ in range(5):
        await scanner.get(f"{DICT}/nobody@example.com")
    response = await scanner.get(f"{DICT}/{KNOWN}")
    assert await error_of(response) == (429, "rate_limited")
    assert response.headers["Retry-After"] == "30"
    assert (await honest.get(f"{DICT}/{KNOWN}")).status_code == 200


async def test_a_hundred_known_keys_may_be_looked_up_and_no_more() -> None:
    merchant = Merchant(World())
    answers = [(await merchant.get(f"{DICT}/{KNOWN}")).status_code for _ in range(101)]
    assert answers == [200] * 100 + [429]


async def test_a_static_code_is_made_for_the_merchants_own_key() -> None:
    asked = {
        "type": "static",
        "pix_key": "padaria@example.com",
        "amount": 1234,
        "description": "balcao",
        "txid": "MESA7",
    }
    made = await data_of(await Merchant(World()).post(QR, asked))
    assert set(made) == {"type", "qr_code", "qr_code_image", "format"}
    assert (made["type"], made["format"]) == ("static", "image/png")
    head, _, picture = made["qr_code_image"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    said = brcode.parse(made["qr_code"])
    assert (said.key, said.amount, said.info) == ("padaria@example.com", 1234, "balcao")
    assert (said.txid, said.merchant_name) == ("MESA7", "Padaria do Bairro")


async def test_a_static_code_without_a_key_or_an_amount_is_for_the_accounts_first_key() -> None:
    made = await data_of(await Merchant(World()).post(QR, {"type": "static"}))
    said = brcode.parse(made["qr_code"])
    assert (said.key, said.amount, said.txid) == ("padaria@example.com", None, None)


@pytest.mark.parametrize("url", ["pix.example.com/qr/v2/abc", "https://pix.example.com/qr/v2/abc"])
async def test_a_dynamic_code_carries_the_url_without_its_scheme(url: str) -> None:
    made = await data_of(await Merchant(World()).post(QR, {"type": "dynamic", "url": url}))
    said = brcode.parse(made["qr_code"])
    assert (said.url, said.key) == ("pix.example.com/qr/v2/abc", None)
    assert said.point_of_initiation is brcode.PointOfInitiation.ONCE


@pytest.mark.parametrize("key", ["outra@example.com", "nobody@example.com"])
async def test_a_code_for_a_key_that_is_not_the_merchants_is_refused(key: str) -> None:
    world = World()
    world.enroll("Outra", "outra@example.com")
    response = await Merchant(world).post(QR, {"type": "static", "pix_key": key})
    assert await error_of(response) == (404, "pix_key_not_found")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"type": "poster"}, "type"),
        ({"type": "static", "pix_key": "no key"}, "pix_key"),
        ({"type": "static", "amount": 0}, "amount"),
        ({"type": "static", "amount": 10**13}, "amount"),
        ({"type": "static", "txid": "a-b"}, "txid"),
        ({"type": "static", "description": "x" * 72}, "description"),
        ({"type": "static", "url": "pix.example.com/a"}, "url"),
        ({"type": "dynamic"}, "url"),
        ({"type": "dynamic", "url": "http://pix.example.com/a"}, "url"),
        ({"type": "dynamic", "url": "pix.example.com/a", "amount": 1}, "amount"),
    ],
)
async def test_what_does_not_fit_into_a_code_is_named(said: dict[str, Any], field: str) -> None:
    response = await Merchant(World()).post(QR, said)
    assert response.status_code == 422
    assert await field_of(response) == field


async def test_the_manuals_static_code_is_read() -> None:
    read = await data_of(await Merchant(World()).post(PARSE, {"qr_code": STATIC}))
    assert read == {
        "type": "static",
        "crc_valid": True,
        "pix_key": EVP,
        "pix_key_type": "EVP",
        "url": None,
        "recurrence_url": None,
        "amount": None,
        "currency": "BRL",
        "txid": None,
        "description": None,
        "merchant_name": "Fulano de Tal",
        "merchant_city": "BRASILIA",
        "merchant_category": "0000",
        "point_of_initiation": None,
    }


async def test_the_manuals_dynamic_code_is_read() -> None:
    read = await data_of(await Merchant(World()).post(PARSE, {"qr_code": DYNAMIC}))
    assert (read["type"], read["point_of_initiation"]) == ("dynamic", "12")
    assert read["url"] == "pix.example.com/8b3da2f39a4140d1a91abd93113bd441"
    assert read["pix_key"] is None


@pytest.mark.parametrize(
    ("code", "emv_field"),
    [
        (STATIC[:-1] + "E", "63"),
        (STATIC.replace("BRASILIA", "BRASILIB"), "63"),
        (STATIC[:-4] + STATIC[-4:].lower(), "63"),
        ("what is this", "63"),
    ],
)
async def test_a_code_that_was_altered_is_refused(code: str, emv_field: str) -> None:
    response = await Merchant(World()).post(PARSE, {"qr_code": code})
    body = await response.get_json()
    assert (response.status_code, body["error"]["code"]) == (422, "invalid_qr_code")
    assert body["error"]["details"] == {"emv_field": emv_field, "field": "qr_code"}
