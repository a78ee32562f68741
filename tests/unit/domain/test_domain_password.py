"""What a password may be: long, one's own, and nobody's first guess."""

import pytest

from fluxiq.domain.password import COMMON, LENGTH_MIN, check_password, normalized
from fluxiq.errors import Refused

DOCUMENT = "52998224725"


@pytest.mark.parametrize(
    "text",
    [
        "correct horse battery staple",
        "três pratos de trigo",
        "Xk9#mQ2$vL7p",
        "пароль для банка",
        "um tigre, dois tigres, três tigres",
    ],
)
def test_length_is_enough(text: str) -> None:
    check_password(text, document=DOCUMENT, field="password")


@pytest.mark.parametrize(
    "text",
    [
        "Xk9#mQ2$vL7",  # one too short
        "Password1234",
        "senha-2026-segura",
        "Qwertyuiop!!123",
        "123456789012",
        "2026-11-22 12:00",
        "aaaaaaaaaaaaa",
        "abababababab",
        f"meu cpf {DOCUMENT}",
        "meu cpf 529.982.247-25",
        "x" * 300,
    ],
)
def test_what_everybody_guesses_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(Refused) as caught:
        check_password(text, document=DOCUMENT, field="new_password")
    assert caught.value.code == "password_weak"
    assert caught.value.details == {"field": "new_password"}
    assert text not in caught.value.message


def test_a_document_with_letters_is_found_in_any_case() -> None:
    with pytest.raises(Refused):
        check_password("Loja 12.abc.345/01de-35", document="12ABC34501DE35", field="password")


def test_composed_and_decomposed_letters_are_one_password() -> None:
    assert normalized("ação da caixa") == normalized("ac\u0327a\u0303o da caixa")


def test_the_list_is_of_bare_lower_case_words() -> None:
    assert LENGTH_MIN >= 12
    assert all(word.isascii() and word.isalpha() and word.islower() for word in COMMON)
