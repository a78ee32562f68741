"""The BCB's scheme: nothing is signed, the client certificate of the connection is the proof.

Where we end TLS ourselves (`[http.tls]`), it is the connection's, and no header counts. Behind a
proxy that ends TLS, that one must ask for a client certificate, check it against the provider's
authority, and set the header anew on every request, so that nobody outside can say it:
`Client-Cert` of RFC 9440 (base 64 of the DER between colons), or the PEM with percent escapes
(nginx's `$ssl_client_escaped_cert`). The header is believed from the proxy's own address only.
Either way the certificate must be one that the link's settings pin: it belongs to one provider of
one institution.
"""

import base64
import binascii
import hmac
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate, load_der_x509_certificate, load_pem_x509_certificate

from fluxiq.errors import StartRefused
from fluxiq.ports import Callback
from fluxiq.providers.callbacks.proofs import Verify, invalid
from fluxiq.settings.providers import MtlsOnly

CERTIFICATE_CHARACTERS_MAX: Final = 16_384

_PEM_BEGIN: Final = "-----BEGIN"


def mtls_only(scheme: MtlsOnly) -> Verify:
    """Raises StartRefused when a trusted proxy is no address."""
    proxies = [_network(text) for text in scheme.trusted_proxies]

    def verify(callback: Callback, now: datetime) -> None:
        if callback.certificate is not None:
            certificate = load_der_x509_certificate(callback.certificate)
        elif _comes_from(callback.remote, proxies):
            certificate = _certificate(callback.headers.get(scheme.certificate_header, ""))
        else:
            raise invalid("a client certificate is believed from a trusted proxy only")
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise invalid("the client certificate is not valid now")
        _require_pinned(certificate, scheme)

    return verify


def _require_pinned(certificate: Certificate, scheme: MtlsOnly) -> None:
    """Its fingerprint is one of those pinned, and its subject the one that is pinned."""
    found = certificate.fingerprint(SHA256()).hex()
    pinned = [hmac.compare_digest(one, found) for one in scheme.certificate_sha256]
    if pinned and not any(pinned):
        raise invalid("the client certificate is not one of those pinned")

    wanted = scheme.certificate_subject
    if wanted and certificate.subject.rfc4514_string() != wanted:
        raise invalid("the client certificate has another subject")


def _certificate(said: str) -> Certificate:
    """The certificate in a header, in either notation."""
    if not said or len(said) > CERTIFICATE_CHARACTERS_MAX:
        raise invalid("no client certificate came with the call")
    try:
        if said.startswith(_PEM_BEGIN):
            return load_pem_x509_certificate(unquote_to_bytes(said))
        if len(said) > 2 and said[0] == said[-1] == ":":  # noqa: PLR2004 - two colons and something
            return load_der_x509_certificate(base64.b64decode(said[1:-1], validate=True))
    except (binascii.Error, ValueError):
        pass
    raise invalid("what came is no client certificate")


def _comes_from(remote: str, proxies: list[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(remote)
    except ValueError:
        return False

    # A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d.
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in proxies)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        message = f"trusted proxy {text!r} is neither an address nor a network such as 10.0.0.0/24"
        raise StartRefused(message) from None
