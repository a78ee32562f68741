"""Settings: layers, and errors that name the key and the source."""

from pathlib import Path

import pytest

from fluxiq import settings
from fluxiq.errors import SettingsInvalid


def test_the_environment_wins_over_the_profile_and_the_profile_over_the_base() -> None:
    plain = settings.load({})
    changed = settings.load({"FLUXIQ_HTTP__PORT": "4100", "FLUXIQ_HTTP__HOST": "::1"})

    assert plain.simulator.enabled  # base.toml says false, embedded.toml true
    assert (plain.http.port, plain.http.host) == (4000, "127.0.0.1")
    assert (changed.http.port, changed.http.host) == (4100, "::1")


def test_a_file_of_ones_own_wins_over_the_profile_and_not_over_the_environment(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[http]\nport = 1\n[simulator]\nenabled = false\n")
    found = settings.load({"FLUXIQ_CONFIG": str(file), "FLUXIQ_HTTP__PORT": "2"})

    assert not found.simulator.enabled
    assert found.http.port == 2


def test_text_that_looks_like_a_number_stays_text_where_text_is_wanted() -> None:
    assert settings.load({"FLUXIQ_DATA_DIR": "2024"}).data_dir == "2024"
    assert settings.load({"FLUXIQ_NATS__PASSWORD": "007"}).nats.password == "007"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("FLUXIQ_HTTP__PROT", "4000", ["'http.prot'", "FLUXIQ_HTTP__PROT"]),
        ("FLUXIQ_HTTPS", "4000", ["'https'", "FLUXIQ_HTTPS"]),
        ("FLUXIQ_HTTPS__PORT", "4000", ["'https'", "FLUXIQ_HTTPS__PORT"]),
        ("FLUXIQ_HTTP__PORT__X", "4000", ["'http.port'", "FLUXIQ_HTTP__PORT__X"]),
        ("FLUXIQ_HTTP__PORT", "high", ["'http.port'", "FLUXIQ_HTTP__PORT", "int"]),
        ("FLUXIQ_HTTP__PORT", "4000.5", ["'http.port'", "FLUXIQ_HTTP__PORT", "int"]),
        ("FLUXIQ_HTTP__PORT", "70000", ["'http.port'", "FLUXIQ_HTTP__PORT", "65535"]),
        ("FLUXIQ_HTTP__PORT", "", ["'http.port'", "FLUXIQ_HTTP__PORT"]),
        ("FLUXIQ_HTTP", "4000", ["'http'", "FLUXIQ_HTTP"]),
        ("FLUXIQ_SIMULATOR__ENABLED", "yes", ["'simulator.enabled'", "FLUXIQ_SIMULATOR__ENABLED"]),
        ("FLUXIQ_LOG__LEVEL", "loud", ["'log.level'", "FLUXIQ_LOG__LEVEL", "loud"]),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "0", ["'pix.send_seconds_max'"]),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "nan", ["'pix.send_seconds_max'"]),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "inf", ["'pix.send_seconds_max'"]),
        ("FLUXIQ_PROFILE", "productoin", ["productoin.toml"]),
        ("FLUXIQ_CONFIG", "/nowhere/mine.toml", ["/nowhere/mine.toml"]),
        ("FLUXIQ_INSTITUTIONS", "[]", ["'institutions'"]),
    ],
)
def test_a_wrong_variable_is_named_with_its_key(name: str, value: str, said: list[str]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        settings.load({name: value})

    assert all(word in str(refused.value) for word in said), str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[http]\nprot = 4000\n", "'http.prot'"),
        (b'[http]\nport = "4000"\n', "'http.port'"),
        (b"[http]\nport = 4000.5\n", "'http.port'"),
        (b"[https]\nport = 4000\n", "'https'"),
        (b"http = 4000\n", "'http'"),
        (b"[http\n", "not valid TOML"),
        (b"\xff\xfe", "mine.toml"),
    ],
)
def test_a_wrong_key_in_a_file_is_named_with_the_file(
    tmp_path: Path, text: bytes, said: str
) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(text)
    with pytest.raises(SettingsInvalid) as refused:
        settings.load({"FLUXIQ_CONFIG": str(file)})

    assert said in str(refused.value)
    assert str(file) in str(refused.value)


INSTITUTION = """
ispb = "12345678"
name = "Banco"
ledger = 1
providers = [{ name = "simulator", kind = "simulator" }]
"""


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"12345679": INSTITUTION}, ["'ispb'", "12345679.toml"]),
        ({"12345678": INSTITUTION + "colour = 1"}, ["'colour'", "12345678.toml"]),
        ({"12345678": INSTITUTION.replace("= 1", '= "1"')}, ["'ledger'", "12345678.toml"]),
        ({"12345678": INSTITUTION.replace('"simulator" }', '"bank" }')}, ["kind", "12345678.toml"]),
        (
            {"12345678": INSTITUTION, "22222222": INSTITUTION.replace("12345678", "22222222")},
            ["'ledger'", "22222222.toml", "12345678"],
        ),
        ({"12345678": INSTITUTION.replace(INSTITUTION[-57:], "providers = []")}, ["providers"]),
    ],
)
def test_a_wrong_institution_is_named_with_its_file(
    tmp_path: Path, files: dict[str, str], said: list[str]
) -> None:
    (tmp_path / "institutions").mkdir()
    for name in ("base", "embedded"):
        source = Path(settings.__file__).resolve().parents[1] / "config" / f"{name}.toml"
        (tmp_path / f"{name}.toml").write_text(source.read_text())
    for ispb, text in files.items():
        (tmp_path / "institutions" / f"{ispb}.toml").write_text(text)

    with pytest.raises(SettingsInvalid) as refused:
        settings.load({"FLUXIQ_CONFIG_DIR": str(tmp_path)})

    assert all(word in str(refused.value) for word in said), str(refused.value)
