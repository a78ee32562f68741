"""The BCB's scheme: a pinned client certificate, passed on by a proxy that we trust."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate

from fluxiq.errors import StartRefused
from fluxiq.providers.callbacks import verification
from fluxiq.settings.providers import MtlsOnly
from tests.support.certificates import Authority
from tests.support.provider_links import accepts, call, refusal

NOW = datetime.now(UTC)
AUTHORITY = Authority()
PSP = AUTHORITY.issue("pix.psp.example").certificate
ANOTHER = AUTHORITY.issue("pix.psp.example").certificate
PROXY = "10.0.0.5"


def pinned(**changed: object) -> MtlsOnly:
    options = {
        "trusted_proxies": (PROXY,),
        "certificate_sha256": (PSP.fingerprint(SHA256()).hex(),),
        **changed,
    }
    return MtlsOnly(**options)  # type: ignore[arg-type]


def rfc_9440(certificate: Certificate) -> str:
    return f":{base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()}:"


def escaped(certificate: Certificate) -> str:
    """As nginx escapes it."""
    return quote(certificate.public_bytes(Encoding.PEM).decode(), safe="+-")


@pytest.mark.parametrize("notation", [rfc_9440, escaped])
def test_the_pinned_certificate_is_believed_in_either_notation(
    notation: Callable[[Certificate], str],
) -> None:
    accepts(pinned(), call(remote=PROXY, client_cert=notation(PSP)), NOW)


@pytest.mark.parametrize(
    ("trusted", "remote"),
    [
        ("10.0.0.0/24", "10.0.0.200"),
        ("10.0.0.5", "::ffff:10.0.0.5"),
        ("2001:db8::/64", "2001:db8::1"),
    ],
)
def test_a_proxy_is_trusted_by_its_address_or_network(trusted: str, remote: str) -> None:
    scheme = pinned(trusted_proxies=("192.0.2.1", trusted))

    accepts(scheme, call(remote=remote, client_cert=rfc_9440(PSP)), NOW)


@pytest.mark.parametrize("remote", ["", "10.0.0.6", "<local>", "2001:db8::1", "10.0.0.5, 1.1.1.1"])
def test_a_stranger_who_says_the_header_is_refused(remote: str) -> None:
    said = refusal(pinned(), call(remote=remote, client_cert=rfc_9440(PSP)), NOW)

    assert said == "a client certificate is believed from a trusted proxy only"


def test_another_certificate_of_the_same_name_is_refused() -> None:
    said = refusal(pinned(), call(remote=PROXY, client_cert=rfc_9440(ANOTHER)), NOW)

    assert said == "the client certificate is not one of those pinned"


def test_during_a_rotation_both_certificates_are_pinned() -> None:
    both = tuple(one.fingerprint(SHA256()).hex() for one in (PSP, ANOTHER))

    for one in (PSP, ANOTHER):
        accepts(pinned(certificate_sha256=both), call(remote=PROXY, client_cert=rfc_9440(one)), NOW)


def test_a_subject_can_be_pinned_instead() -> None:
    scheme = pinned(certificate_sha256=(), certificate_subject="CN=pix.psp.example,C=BR")

    accepts(scheme, call(remote=PROXY, client_cert=rfc_9440(ANOTHER)), NOW)
    other = AUTHORITY.issue("pix.psp.example.org").certificate
    said = refusal(scheme, call(remote=PROXY, client_cert=rfc_9440(other)), NOW)
    assert said == "the client certificate has another subject"


@pytest.mark.parametrize("days", [-2, 400])
def test_a_certificate_before_or_after_its_time_is_refused(days: int) -> None:
    callback = call(remote=PROXY, client_cert=rfc_9440(PSP))

    assert "not valid now" in refusal(pinned(), callback, NOW + timedelta(days=days))


@pytest.mark.parametrize(
    "said",
    [
        "",
        ":",
        "::",
        ":AAAA:",
        rfc_9440(PSP)[:-1],
        rfc_9440(PSP)[:-9] + ":",
        f"{rfc_9440(PSP)}, {rfc_9440(PSP)}",
        ":ação:",
        "-----BEGIN CERTIFICATE-----",
        escaped(PSP)[:200],
        pytest.param(PSP.fingerprint(SHA256()).hex(), id="fingerprint"),
        ":" + "A" * 20_000 + ":",
    ],
)
def test_what_is_no_certificate_is_refused(said: str) -> None:
    refusal(pinned(), call(remote=PROXY, client_cert=said), NOW)


def test_a_proxy_that_is_no_address_is_refused_at_the_start() -> None:
    with pytest.raises(StartRefused, match=r"trusted proxy 'proxy\.local'"):
        verification(pinned(trusted_proxies=("proxy.local",)))
