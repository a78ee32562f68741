"""When the certificates that we are configured with expire: ours, and the authorities we believe.

Of a provider's own certificate a link pins a hash, which says no date; it is looked at when it is
shown (callbacks/client_certificate.py).
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

from cryptography.x509 import load_pem_x509_certificates
from msgspec import Struct

from fluxiq.errors import StartRefused
from fluxiq.providers.files import read
from fluxiq.settings import Institution
from fluxiq.settings.tls import Tls

SECONDS_A_DAY: Final = 86_400
WARNED_SECONDS: Final = 30 * SECONDS_A_DAY
URGENT_SECONDS: Final = 7 * SECONDS_A_DAY


class Kind(StrEnum):
    """What a certificate is for."""

    CLIENT = "client"  # shown by us to a provider
    PROVIDER_CA = "provider_ca"  # by which we believe a provider's server
    SERVER = "server"  # shown by us to whoever calls
    CLIENT_CA = "client_ca"  # by which we believe a provider's callbacks


class Urgency(StrEnum):
    FINE = "fine"
    SOON = "soon"
    URGENT = "urgent"
    EXPIRED = "expired"


class Watched(Struct, frozen=True, kw_only=True):
    """A file with certificates; `institution` and `provider` are empty for our own end of TLS."""

    kind: Kind
    path: str
    institution: str = ""
    provider: str = ""


def watched(institutions: Iterable[Institution], tls: Tls) -> Iterator[Watched]:
    """Every file that the settings name."""
    if tls.is_on:
        yield Watched(kind=Kind.SERVER, path=tls.certificate_file)
    if tls.client_ca_file:
        yield Watched(kind=Kind.CLIENT_CA, path=tls.client_ca_file)
    for one in institutions:
        for link in one.providers:
            if link.psp is None:
                continue
            names = {"institution": one.ispb, "provider": link.name}
            yield Watched(kind=Kind.CLIENT, path=link.psp.certificate_file, **names)
            if link.psp.ca_file is not None:
                yield Watched(kind=Kind.PROVIDER_CA, path=link.psp.ca_file, **names)


def expiry_of(one: Watched) -> datetime:
    """UTC. Raises StartRefused when the file has no certificate that can be read.

    A leaf ends with the first of its chain. Of authorities the last counts: an old one stays in the
    file while it is replaced.
    """
    try:
        found = load_pem_x509_certificates(read(one.path))
    except ValueError as error:
        raise StartRefused(f"no certificate can be read from {one.path}: {error}") from None
    ends = [certificate.not_valid_after_utc for certificate in found]
    return max(ends) if one.kind in {Kind.PROVIDER_CA, Kind.CLIENT_CA} else min(ends)


def urgency_of(seconds_left: float) -> Urgency:
    if seconds_left <= 0:
        return Urgency.EXPIRED
    if seconds_left <= URGENT_SECONDS:
        return Urgency.URGENT
    return Urgency.SOON if seconds_left <= WARNED_SECONDS else Urgency.FINE
