"""Secrets come from files too, so that no environment has to hold them."""

from pathlib import Path

import pytest

from fluxiq.errors import SettingsInvalid
from fluxiq.settings import load
from fluxiq.settings.secret_files import CHARACTERS_MAX

VARIABLE = "FLUXIQ_NATS__PASSWORD_FILE"


def kept(folder: Path, content: bytes) -> str:
    file = folder / "secret"
    file.write_bytes(content)
    return str(file)


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\n"])
def test_a_secret_is_read_from_the_file_that_a_variable_names(
    tmp_path: Path, content: bytes
) -> None:
    assert load({VARIABLE: kept(tmp_path, content)}).nats.password == "s3cret"


def test_what_belongs_to_a_secret_stays_in_it(tmp_path: Path) -> None:
    assert load({VARIABLE: kept(tmp_path, b" a\n b \n")}).nats.password == " a\n b "


def test_a_setting_that_is_a_file_is_not_read(tmp_path: Path) -> None:
    """`sealing.key_file` has the word in its own name."""
    file = kept(tmp_path, b"s3cret")
    assert load({"FLUXIQ_SEALING__KEY_FILE": file}).sealing.key_file == file


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\xff\xfe", "is no text in UTF-8"), (b"x" * (CHARACTERS_MAX + 1), "has more than")],
)
def test_what_cannot_be_a_secret_is_refused_and_not_shown(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load({VARIABLE: kept(tmp_path, content)})

    assert VARIABLE in str(caught.value)
    assert problem in str(caught.value)
    assert "xxx" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=rf"cannot read {tmp_path}/gone of {VARIABLE}"):
        load({VARIABLE: f"{tmp_path}/gone"})


def test_a_setting_is_said_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="say the same setting"):
        load({VARIABLE: kept(tmp_path, b"one"), "FLUXIQ_NATS__PASSWORD": "another"})


def test_what_is_no_text_setting_has_no_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"unknown setting 'http\.port_file'"):
        load({"FLUXIQ_HTTP__PORT_FILE": kept(tmp_path, b"4000")})
