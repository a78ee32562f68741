"""Our own end of TLS is all there, or not there at all."""

import pytest

from fluxiq.errors import SettingsInvalid
from fluxiq.settings import load

ON = {
    "FLUXIQ_HTTP__TLS__CERTIFICATE_FILE": "/etc/fluxiq/api.pem",
    "FLUXIQ_HTTP__TLS__KEY_FILE": "/etc/fluxiq/api.key",
}
CLIENTS = {"FLUXIQ_HTTP__TLS__CLIENT_CA_FILE": "/etc/fluxiq/clients.pem"}


def test_without_a_word_there_is_no_second_door() -> None:
    assert not load({}).http.tls.is_on


def test_its_files_are_named_by_settings_and_not_read_as_secrets() -> None:
    tls = load(ON | CLIENTS).http.tls
    assert tls.is_on
    assert tls.key_file == "/etc/fluxiq/api.key"
    assert tls.client_ca_file == "/etc/fluxiq/clients.pem"


@pytest.mark.parametrize("missing", sorted(ON))
def test_certificate_and_key_belong_together(missing: str) -> None:
    said = {name: value for name, value in ON.items() if name != missing}
    with pytest.raises(SettingsInvalid, match="belong together"):
        load(said)


def test_clients_are_asked_by_who_has_a_certificate_alone() -> None:
    with pytest.raises(SettingsInvalid, match=r"'http\.tls\.client_ca_file'"):
        load(CLIENTS)


@pytest.mark.parametrize(
    ("name", "value"), [("KEY_FILE", "api.key"), ("PORT", "0"), ("PORT", "70000")]
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"'http\.tls\.{name.lower()}'"):
        load(ON | {f"FLUXIQ_HTTP__TLS__{name}": value})
