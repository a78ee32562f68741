"""Settings: layers, types, and errors that name the key and where it was said."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from fluxiq.errors import SettingsInvalid
from fluxiq.settings import Settings, layers, load
from fluxiq.settings.sections import ReceivingFee

ROOT = Path(__file__).parents[2]

INSTITUTION = """
ispb = "{ispb}"
name = "Banco"
ledger = {ledger}
providers = [{{ name = "simulator", kind = "simulator" }}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The real configuration, to be written over."""
    copy = tmp_path / "config"
    shutil.copytree(ROOT / "config", copy)
    return copy


def without_institutions(folder: Path) -> None:
    """The demo's have the simulator for a provider."""
    shutil.rmtree(folder / "institutions")


def read(folder: Path, **environ: str) -> Settings:
    return load({"FLUXIQ_CONFIG_DIR": str(folder), **environ})


def refusal(folder: Path, **environ: str) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        read(folder, **environ)
    return str(caught.value)


def add(file: Path, text: str) -> Path:
    """Put `text` before what is in `file`, so that it belongs to no table."""
    file.write_text(text + "\n" + (file.read_text() if file.exists() else ""))
    return file


# Layers.


def test_without_anything_said_the_embedded_profile_lies_over_the_base(folder: Path) -> None:
    settings = read(folder)

    assert settings.http.port == 4000
    assert settings.simulator.enabled
    assert settings.limits.writes_per_minute == 600_000


def test_the_profile_can_be_chosen(folder: Path) -> None:
    without_institutions(folder)

    settings = read(folder, FLUXIQ_PROFILE="production")

    assert settings.log.format == "json"
    assert not settings.simulator.enabled
    assert settings.limits.writes_per_minute == 100


def test_a_file_of_ones_own_lies_over_the_profile_and_variables_over_all(
    folder: Path, tmp_path: Path
) -> None:
    own = add(tmp_path / "own.toml", "[limits]\nwrites_per_minute = 7\nreads_per_minute = 8")

    settings = read(folder, FLUXIQ_CONFIG=str(own), FLUXIQ_LIMITS__READS_PER_MINUTE="9")

    assert settings.limits.writes_per_minute == 7
    assert settings.limits.reads_per_minute == 9
    assert settings.limits.callbacks_per_minute == 600_000


def test_a_layer_replaces_keys_and_not_whole_sections(folder: Path) -> None:
    settings = read(folder, FLUXIQ_HTTP__PORT="5000")

    assert (settings.http.port, settings.http.host) == (5000, "127.0.0.1")


def test_other_peoples_variables_are_none_of_ours(folder: Path) -> None:
    assert read(folder, FLUXION_HTTP__PORT="x", PATH="/bin") == read(folder)


def test_variables_that_say_where_settings_are_are_not_settings(folder: Path) -> None:
    assert read(folder, FLUXIQ_TIGERBEETLE_BIN="/opt/tigerbeetle") == read(folder)


def test_settings_cannot_be_changed_once_read(folder: Path) -> None:
    settings: Any = read(folder)

    with pytest.raises(AttributeError):
        settings.http.port = 1


# Variables are typed by what they set.


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("FLUXIQ_HTTP__PORT", "0", 0),
        ("FLUXIQ_PIX__PAYOUT_AMOUNT_MAX", "1_000_00", 100_000),
        ("FLUXIQ_WEBHOOKS__DELIVER_SECONDS_MAX", "2.5", 2.5),
        ("FLUXIQ_WEBHOOKS__DELIVER_SECONDS_MAX", "2", 2.0),
        ("FLUXIQ_WEBHOOKS__ALLOW_LOOPBACK", "false", False),
        ("FLUXIQ_LOG__LEVEL", "debug", "debug"),
        ("FLUXIQ_DATA_DIR", "true", "true"),
        ("FLUXIQ_NATS__PASSWORD", "007", "007"),
        ("FLUXIQ_NATS__PASSWORD", "12345", "12345"),
        ("FLUXIQ_NATS__PASSWORD", '"quoted"', '"quoted"'),
        ("FLUXIQ_NATS__PASSWORD", "", ""),
        ("FLUXIQ_POSTGRES__URL", "postgres://u:p@h/d?a=1#x", "postgres://u:p@h/d?a=1#x"),
    ],
)
def test_a_variable_is_read_as_the_type_of_its_setting(
    folder: Path, variable: str, text: str, value: object
) -> None:
    found: Any = read(folder, **{variable: text})
    for key in variable.removeprefix("FLUXIQ_").lower().split("__"):
        found = getattr(found, key)

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("FLUXIQ_HTTP__PORT", "http"),
        ("FLUXIQ_HTTP__PORT", '"4000"'),
        ("FLUXIQ_HTTP__PORT", "4000.5"),
        ("FLUXIQ_HTTP__PORT", "70000"),
        ("FLUXIQ_HTTP__PORT", "true"),
        ("FLUXIQ_HTTP__PORT", ""),
        ("FLUXIQ_POSTGRES__POOL_SIZE", "0"),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "0"),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "-1.0"),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "nan"),
        ("FLUXIQ_PIX__SEND_SECONDS_MAX", "inf"),
        ("FLUXIQ_SIMULATOR__ENABLED", "yes"),
        ("FLUXIQ_SIMULATOR__ENABLED", "1"),
        ("FLUXIQ_LOG__FORMAT", "xml"),
    ],
)
def test_a_variable_of_the_wrong_type_is_refused_with_its_name_and_key(
    folder: Path, variable: str, text: str
) -> None:
    message = refusal(folder, **{variable: text})

    key = variable.removeprefix("FLUXIQ_").lower().replace("__", ".")
    assert message.startswith(f"setting '{key}' in {variable}: ")


# Keys that are not there.


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("FLUXIQ_HTTP__PROT", "http.prot"),
        ("FLUXIQ_HTPT__PORT", "htpt"),
        ("FLUXIQ_PORT", "port"),
        ("FLUXIQ_", ""),
    ],
)
def test_a_variable_that_sets_nothing_is_refused_with_its_name(
    folder: Path, variable: str, key: str
) -> None:
    assert refusal(folder, **{variable: "1"}) == f"unknown setting '{key}' in {variable}"


def test_a_whole_section_is_not_one_value(folder: Path) -> None:
    message = refusal(folder, FLUXIQ_HTTP="4000")

    assert message.startswith("setting 'http' in FLUXIQ_HTTP: ")


@pytest.mark.parametrize("key", ["data_dir", "http.port"])
def test_a_value_is_not_a_section(folder: Path, key: str) -> None:
    variable = f"FLUXIQ_{key.replace('.', '__').upper()}__X"

    message = refusal(folder, **{variable: "1"})

    assert message.startswith(f"setting '{key}' in {variable}: ")


@pytest.mark.parametrize(
    ("text", "key"), [("colour = 1", "colour"), ("[http]\nprot = 1", "http.prot")]
)
def test_an_unknown_key_of_a_file_is_refused_with_the_file(
    folder: Path, tmp_path: Path, text: str, key: str
) -> None:
    own = add(tmp_path / "own.toml", text)

    assert refusal(folder, FLUXIQ_CONFIG=str(own)) == f"unknown setting '{key}' in {own}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[http]\nport = "4000"', "http.port"),
        ("[http]\nport = 4000.5", "http.port"),
        ("http = 4000", "http"),
        ("data_dir = 7", "data_dir"),
    ],
)
def test_a_mistyped_key_of_a_file_is_refused_with_the_file_that_said_it_last(
    folder: Path, tmp_path: Path, text: str, key: str
) -> None:
    own = add(tmp_path / "own.toml", text)

    assert refusal(folder, FLUXIQ_CONFIG=str(own)).startswith(f"setting '{key}' in {own}: ")


def test_a_missing_key_is_refused_by_name(folder: Path) -> None:
    base = folder / "base.toml"
    base.write_text(base.read_text().replace("port = 4000", "", 1))

    message = refusal(folder)

    assert "'http'" in message
    assert "`port`" in message


# Files that cannot be read.


def test_a_profile_that_does_not_exist_is_refused_with_its_file(folder: Path) -> None:
    message = refusal(folder, FLUXIQ_PROFILE="staging")

    assert message == f"cannot read {folder / 'staging.toml'}: No such file or directory"


def test_a_file_of_ones_own_that_does_not_exist_is_refused(folder: Path, tmp_path: Path) -> None:
    assert str(tmp_path / "none.toml") in refusal(folder, FLUXIQ_CONFIG=str(tmp_path / "none.toml"))


def test_a_syntax_error_is_refused_with_file_and_line(folder: Path) -> None:
    file = add(folder / "embedded.toml", "port = = 1")

    message = refusal(folder)

    assert message.startswith(f"{file} is not valid TOML: ")
    assert "line 1" in message


def test_a_settings_file_in_another_encoding_ended_in_a_traceback(folder: Path) -> None:
    file = folder / "embedded.toml"
    file.write_bytes('# configuração\n[log]\nlevel = "info"\n'.encode("latin-1"))

    assert refusal(folder).startswith(f"{file} is not valid TOML: ")


# Institutions.


def test_each_institution_is_a_file_in_the_order_of_their_ispbs(folder: Path) -> None:
    add(folder / "institutions" / "00AB0000.toml", INSTITUTION.format(ispb="00AB0000", ledger=9))

    ispbs = [one.ispb for one in read(folder).institutions]

    assert ispbs == sorted(["00AB0000", "12345678", "87654321"])


def test_an_ispb_keeps_its_leading_zeros(folder: Path) -> None:
    add(folder / "institutions" / "00000001.toml", INSTITUTION.format(ispb="00000001", ledger=9))

    assert read(folder).institutions[0].ispb == "00000001"


def test_a_platform_without_institutions_is_possible(folder: Path) -> None:
    shutil.rmtree(folder / "institutions")

    assert read(folder).institutions == ()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("11111111", INSTITUTION.format(ispb="22222222", ledger=9), "'ispb'"),
        ("11111111", INSTITUTION.format(ispb="11111111", ledger=0), "'ledger'"),
        ("11111111", INSTITUTION.format(ispb="11111111", ledger=2**32), "'ledger'"),
        ("1111111", INSTITUTION.format(ispb="1111111", ledger=9), "'ispb'"),
        ("11111111", 'ispb = 11111111\nname = "B"\nledger = 9\nproviders = []', "'ispb'"),
        ("11111111", "bank = 1\n" + INSTITUTION.format(ispb="11111111", ledger=9), "'bank'"),
        ("11111111", 'name = "B"', "`ispb`"),
        (
            "11111111",
            INSTITUTION.format(ispb="11111111", ledger=9).replace('"simulator" }', '"bank" }'),
            "'providers[0].kind'",
        ),
        ("11111111", "ispb = ", "not valid TOML"),
        ("11111111", INSTITUTION.format(ispb="11111111", ledger='"9"'), "'ledger'"),
        (
            "11111111",
            'ispb = "11111111"\nname = "B"\nledger = 9\nproviders = []',
            "'providers'",
        ),
    ],
    ids=[
        "another ispb than the file's",
        "no ledger number",
        "a ledger number above 32 bits",
        "a short ispb",
        "an ispb that is a number",
        "an unknown key",
        "a missing key",
        "an unknown kind of provider",
        "a syntax error",
        "a ledger number in quotes",
        "no way out to a provider",
    ],
)
def test_an_institution_that_cannot_be_is_refused_with_its_file_and_key(
    folder: Path, name: str, text: str, said: str
) -> None:
    file = add(folder / "institutions" / f"{name}.toml", text)

    message = refusal(folder)

    assert str(file) in message
    assert said in message


def test_a_ledger_number_that_is_taken_names_who_has_it(folder: Path) -> None:
    add(folder / "institutions" / "99999999.toml", INSTITUTION.format(ispb="99999999", ledger=2))

    assert refusal(folder).endswith("2 belongs to 87654321")


def test_a_provider_link_that_leads_nowhere_is_refused_without_a_simulator(folder: Path) -> None:
    message = refusal(folder, FLUXIQ_SIMULATOR__ENABLED="false")

    assert str(folder / "institutions" / "12345678.toml") in message
    assert "'providers'" in message
    assert "'simulator' needs a url" in message


def test_two_provider_links_of_the_same_name_are_refused(folder: Path) -> None:
    file = folder / "institutions" / "12345678.toml"
    link = '{ name = "psp", kind = "simulator" }'
    file.write_text(f'ispb = "12345678"\nname = "A"\nledger = 1\nproviders = [{link}, {link}]\n')

    assert refusal(folder) == f"setting 'providers' in {file}: two links have the same name"


def test_an_empty_profile_is_the_default_one(folder: Path) -> None:
    assert read(folder, FLUXIQ_PROFILE="").simulator.enabled


@pytest.mark.parametrize("where", ["a file", "a variable"])
def test_institutions_are_declared_nowhere_else(folder: Path, tmp_path: Path, where: str) -> None:
    own = add(tmp_path / "own.toml", "institutions = []")
    said = {"FLUXIQ_CONFIG": str(own)} if where == "a file" else {"FLUXIQ_INSTITUTIONS": "[]"}

    assert refusal(folder, **said).startswith("unknown setting 'institutions'")


# Where the folder is.


def test_a_checkout_reads_its_own_folder() -> None:
    assert layers._default_folder() == ROOT / "config"


def test_an_installed_wheel_reads_the_copy_that_it_ships(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "fluxiq"
    shutil.copytree(folder, package / "_config")
    add(
        package / "_config" / "institutions" / "55555555.toml",
        INSTITUTION.format(ispb="55555555", ledger=5),
    )
    monkeypatch.setattr(layers, "__file__", str(package / "settings" / "layers.py"))

    assert [one.ispb for one in load({}).institutions] == ["12345678", "55555555", "87654321"]


def test_the_environment_of_the_process_is_read_when_none_is_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLUXIQ_CONFIG_DIR", str(folder))
    monkeypatch.setenv("FLUXIQ_HTTP__PORT", "4321")

    assert load().http.port == 4321


# The ledger: values that must leave room for one another.


@pytest.mark.parametrize(
    ("variable", "text", "problem"),
    [
        ("FLUXIQ_LEDGER__SUSPECT_SECONDS_MAX", "1.0", "is shorter than deadline_seconds"),
        ("FLUXIQ_LEDGER__OPEN_SECONDS_MAX", "10.0", "is shorter than open_seconds"),
        ("FLUXIQ_LEDGER__PATIENCE_SECONDS", "10.0", "must be below 10"),
        ("FLUXIQ_LEDGER__INSTITUTION_CAP", "1", "is less than account_cap"),
        ("FLUXIQ_LEDGER__SESSIONS", "5", "expected `int` <= 4"),
        ("FLUXIQ_LEDGER__BATCH_MAX", "8190", "expected `int` <= 8189"),
        ("FLUXIQ_TIGERBEETLE__CLUSTER", str(2**128), "has more than 128 bits"),
        ("FLUXIQ_TIGERBEETLE__CLUSTER", "zero", "expected `str` matching regex"),
    ],
)
def test_ledger_settings_that_make_no_sense_are_refused_by_name(
    folder: Path, variable: str, text: str, problem: str
) -> None:
    said = refusal(folder, **{variable: text})

    key = variable.removeprefix("FLUXIQ_").lower().replace("__", ".")
    assert f"setting {key!r} in {variable}: " in said
    assert problem in said


def test_cluster_id_may_be_any_128_bit_number(folder: Path) -> None:
    assert read(folder, FLUXIQ_TIGERBEETLE__CLUSTER=str(2**128 - 1)).tigerbeetle.cluster


def test_institution_has_a_policy_for_when_tigerbeetle_is_away(folder: Path) -> None:
    file = folder / "institutions" / "12345678.toml"
    assert {one.ledger_policy for one in read(folder).institutions} == {"standin_limited"}

    add(file, 'ledger_policy = "fail_closed"')
    assert read(folder).institutions[0].ledger_policy == "fail_closed"

    file.write_text(file.read_text().replace("fail_closed", "hope"))
    assert "'ledger_policy'" in refusal(folder)
    assert "12345678.toml" in refusal(folder)


def test_what_new_merchants_pay_for_receiving_is_nothing_unless_their_institution_says(
    folder: Path,
) -> None:
    file = folder / "institutions" / "12345678.toml"
    assert read(folder).institutions[0].receiving_fee == ReceivingFee()

    add(file, "receiving_fee = { fixed = 10, basis_points = 99, maximum = 500 }")
    expected = ReceivingFee(fixed=10, basis_points=99, maximum=500)
    assert read(folder).institutions[0].receiving_fee == expected


def test_a_fee_whose_bounds_contradict_each_other_is_refused(folder: Path) -> None:
    add(
        folder / "institutions" / "12345678.toml",
        "receiving_fee = { fixed = 10, minimum = 5, maximum = 4 }",
    )
    message = refusal(folder)
    assert "'receiving_fee'" in message
    assert "`maximum` is less than `minimum`" in message


# Limits and proxies.


def test_an_institution_says_only_the_limits_that_are_its_own(folder: Path) -> None:
    add(folder / "institutions" / "12345678.toml", "limits = { reads_per_minute = 7 }")
    settings = read(folder)
    [aurora, boreal] = settings.institutions
    limits = aurora.limits.over(settings.limits)
    assert limits.reads_per_minute == 7
    assert limits.writes_per_minute == settings.limits.writes_per_minute
    assert boreal.limits.over(settings.limits) == settings.limits


def test_a_trusted_proxy_is_an_address_or_a_network() -> None:
    good = {"FLUXIQ_HTTP__TRUSTED_PROXIES": '["10.0.0.0/8", "2001:db8::1"]'}
    assert load(good).http.trusted_proxies == ("10.0.0.0/8", "2001:db8::1")
    with pytest.raises(SettingsInvalid) as caught:
        load({"FLUXIQ_HTTP__TRUSTED_PROXIES": '["proxy.local"]'})
    assert "'http.trusted_proxies' in FLUXIQ_HTTP__TRUSTED_PROXIES" in str(caught.value)
    assert "'proxy.local'" in str(caught.value)
