"""An authority of our own, and the certificates it issues, for tests with real TLS."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from msgspec import Struct

from tests.support.provider_links import private

HOST = "localhost"


class Issued(Struct, frozen=True, kw_only=True):
    """A certificate and its key, both in PEM."""

    certificate: x509.Certificate
    chain: bytes
    key: bytes
    locked_key: bytes  # the same key, with a password

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """The paths of the certificate and of the key, written over what was there."""
        certificate = folder / f"{name}.pem"
        certificate.write_bytes(self.chain)
        return str(certificate), private(folder / f"{name}.key", self.key)


class Authority:
    """Signs certificates for clients and servers. Times are days from now."""

    def __init__(self, name: str = "Test Authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        self.certificate = (
            _started(self._name, -30, 3_650)
            .public_key(self._key.public_key())
            .issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def write(self, folder: Path, name: str = "authority") -> str:
        file = folder / f"{name}.pem"
        file.write_bytes(self.pem)
        return str(file)

    def itself(self) -> Issued:
        """The authority's own certificate, as somebody shows it who has no other: self-signed."""
        return Issued(
            certificate=self.certificate,
            chain=self.pem,
            key=self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            locked_key=b"",
        )

    def issue(
        self, name: str, *, host: str | None = None, since: float = -1, until: float = 365
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _started(_named(name), since, until)
            .public_key(key.public_key())
            .issuer_name(self._name)
        )
        if host is not None:
            names = [x509.DNSName(host)]
            if host == HOST:
                names.append(x509.IPAddress(ip_address("127.0.0.1")))  # type: ignore[arg-type]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            certificate=certificate,
            chain=certificate.public_bytes(Encoding.PEM),
            key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            locked_key=key.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password")
            ),
        )


def _named(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "BR"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def _started(name: x509.Name, since: float, until: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since))
        .not_valid_after(now + timedelta(days=until))
    )
