"""PIX keys of the five kinds."""

import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fluxiq.domain.keys import KeyKind, classify, mask_key, parse_key
from fluxiq.errors import Refused

EVP = "123e4567-e12b-12d1-a456-426655440000"

NAMES = st.text(
    string.ascii_lowercase + string.digits + ".!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=20
)
LABELS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("52998224725", KeyKind.CPF, "52998224725"),
        ("529.982.247-25", KeyKind.CPF, "52998224725"),
        ("12ABC34501DE35", KeyKind.CNPJ, "12ABC34501DE35"),
        ("12.abc.345/01de-35", KeyKind.CNPJ, "12ABC34501DE35"),
        ("+5511987654321", KeyKind.PHONE, "+5511987654321"),
        ("+55 (11) 98765-4321", KeyKind.PHONE, "+5511987654321"),
        ("+12", KeyKind.PHONE, "+12"),
        ("Fulano.De-Tal@Example.COM.br", KeyKind.EMAIL, "fulano.de-tal@example.com.br"),
        ("a@b", KeyKind.EMAIL, "a@b"),
        (EVP, KeyKind.EVP, EVP),
        (EVP.upper(), KeyKind.EVP, EVP),
    ],
)
def test_a_key_is_recognised_and_written_as_the_directory_stores_it(
    text: str, kind: KeyKind, key: str
) -> None:
    assert classify(text) == (kind, key)
    assert parse_key(kind, text) == key
    assert parse_key(kind.value, key) == key


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "***", "12345678900", "11987654321", "5511987654321", "+0511987654321", "+5"),
        *(
            "+5511987654321012",
            "+55119876543a1",
            "a@",
            "@b.com",
            "a b@c.com",
            "a@b..com",
            "a@-b.com",
        ),
        *("a@b.com\n.br", "123e4567e12b12d1a456426655440000", EVP[:-1], EVP + "0", "g" + EVP[1:]),
        "a" * 72 + "@b.com",
        "\N{KELVIN SIGN}aren@example.com",
        "é@example.com",
        "+5\N{FULLWIDTH DIGIT FIVE}11987654321",
    ],
)
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        classify(text)

    assert refusal.value.code == "invalid_pix_key"
    assert refusal.value.details == {"field": "pix_key"}
    assert refusal.value.message.startswith("not a PIX key of ")
    assert not text.strip() or text not in refusal.value.message


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("+55119876543a1", "kind PHONE"),
        ("a@b..com", "kind EMAIL"),
        ("123.456.789-00", "kind CPF"),
        ("00.038.166/0001-06", "kind CNPJ"),
        (EVP[:-1] + "g", "kind EVP"),
        ("what is this", "any kind"),
    ],
)
def test_the_refusal_names_the_kind_that_was_meant(text: str, kind: str) -> None:
    with pytest.raises(Refused) as refusal:
        classify(text)

    assert refusal.value.message == f"not a PIX key of {kind}"


def test_an_email_of_77_characters_is_the_longest() -> None:
    longest = "a" * 71 + "@b.com"
    assert classify(longest) == (KeyKind.EMAIL, longest)


@given(NAMES, st.lists(LABELS, min_size=1, max_size=3))
def test_any_plain_email_is_an_email(name: str, labels: list[str]) -> None:
    key = f"{name}@{'.'.join(labels)}"
    assert classify(key) == (KeyKind.EMAIL, key)


@given(st.uuids())
def test_any_uuid_is_a_random_key(key: uuid.UUID) -> None:
    assert classify(str(key)) == (KeyKind.EVP, str(key))


@given(st.text(max_size=80))
def test_whatever_is_accepted_is_already_in_its_stored_form(text: str) -> None:
    try:
        kind, key = classify(text)
    except Refused:
        return

    assert classify(key) == (kind, key)
    assert key.isascii()


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_of_another_kind_is_refused(kind: KeyKind) -> None:
    keys = {
        KeyKind.CPF: "52998224725",
        KeyKind.CNPJ: "12ABC34501DE35",
        KeyKind.PHONE: "+5511987654321",
        KeyKind.EMAIL: "a@b.com",
        KeyKind.EVP: EVP,
    }
    for other, key in keys.items():
        if other is kind:
            continue

        with pytest.raises(Refused) as refusal:
            parse_key(kind, key, field="recipient.pix_key")

        assert refusal.value.code == "invalid_pix_key"
        assert refusal.value.details == {"field": "recipient.pix_key"}


def test_an_unknown_kind_is_refused_by_its_own_field() -> None:
    with pytest.raises(Refused) as refusal:
        parse_key("cpf", "52998224725")

    assert refusal.value.code == "invalid_pix_key_type"
    assert refusal.value.details == {"field": "pix_key_type"}


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        ("52998224725", "***.***.247-**"),
        ("12ABC34501DE35", "**.ABC.345/****-**"),
        ("+5511987654321", "+***4321"),
        ("+5512", "+***"),
        ("fulano@example.com", "f***@example.com"),
        (EVP, "123e4567-***"),
        ("not a key", "***"),
    ],
)
def test_a_masked_key_may_be_logged(key: str, masked: str) -> None:
    assert mask_key(key) == masked
