"""What a folder of migrations must look like, and the SCRAM verifier that provisioning makes."""

import base64
import hmac
from hashlib import sha256
from pathlib import Path

import pytest

from fluxiq.errors import StartRefused
from fluxiq.stores.migrate import MIGRATIONS, read_migrations
from fluxiq.stores.provision import role_of, scram_verifier


def write(folder: Path, name: str, **files: str) -> None:
    (folder / name).mkdir()
    for file, text in files.items():
        (folder / name / f"{file}.sql").write_text(text)


def test_migrations_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    write(tmp_path, "0010_last", up="SELECT 10", check="SELECT 1")
    write(tmp_path, "0002_first", up="SELECT 2", check="SELECT 1")

    found = read_migrations(tmp_path)

    assert [str(migration) for migration in found] == ["0002_first", "0010_last"]
    assert found[0].sha256 == sha256(b"SELECT 2").digest()


def test_two_migrations_of_one_number_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "0001_a", up="", check="")
    write(tmp_path, "0001_b", up="", check="")

    with pytest.raises(StartRefused, match="0001_a and 0001_b share a number"):
        read_migrations(tmp_path)


def test_a_migration_without_its_after_check_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "0001_a", up="SELECT 1")

    with pytest.raises(StartRefused, match=r"migration 0001_a: cannot read check\.sql"):
        read_migrations(tmp_path)


def test_anything_else_in_the_folder_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, "1_a", up="", check="")

    with pytest.raises(StartRefused, match="1_a is not the name of a migration"):
        read_migrations(tmp_path)


@pytest.mark.parametrize("schema", ["platform", "institution"])
def test_the_migrations_that_ship_are_in_order(schema: str) -> None:
    found = read_migrations(MIGRATIONS / schema)

    assert found[0].number == 1
    assert all(migration.up.strip() and migration.check.strip() for migration in found)


def test_a_verifier_signs_the_exchange_of_rfc_7677_section_3() -> None:
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    exchange = (
        f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}"
    ).encode()

    verifier = scram_verifier("pencil", base64.b64decode(salt))

    head, _, keys = verifier.rpartition("$")
    server_key = base64.b64decode(keys.split(":")[1])
    signature = base64.b64encode(hmac.digest(server_key, exchange, "sha256"))
    assert head == f"SCRAM-SHA-256$4096:{salt}"
    assert signature == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_two_verifiers_of_one_password_differ_by_their_salt() -> None:
    assert scram_verifier("pencil") != scram_verifier("pencil")


@pytest.mark.parametrize("password", ["", "naïve", "a\nb", "x" * 129])
def test_a_password_that_scram_would_prepare_is_an_assertion(password: str) -> None:
    with pytest.raises(AssertionError):
        scram_verifier(password)


def test_the_role_of_an_institution_is_its_ispb_in_lower_case() -> None:
    assert role_of("12AB34CD") == "inst_12ab34cd"


@pytest.mark.parametrize("ispb", ["1234567", "123456789", "1234567a", '1234567"'])
def test_what_is_not_an_ispb_names_no_role(ispb: str) -> None:
    with pytest.raises(AssertionError):
        role_of(ispb)
