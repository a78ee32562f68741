"""`[http.tls]`: our own end of TLS, for those who reach us without a proxy of ours in between."""

from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.errors import SettingsInvalid

# Empty: none. Named by its absolute path: it is read again, whatever the working directory is then.
FileOrNone = Annotated[str, Meta(pattern=r"^(/.*)?$")]


class Tls(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A second door beside `[http] port`, with the same API: docs/security.md. It is closed while
    `certificate_file` is empty. `client_ca_file` has the authorities whose clients are believed;
    empty: nobody is asked for a certificate.
    """

    host: str = ""  # empty: `[http] host`
    port: Annotated[int, Meta(ge=1, le=65_535)] = 4443
    certificate_file: FileOrNone = ""
    key_file: FileOrNone = ""
    client_ca_file: FileOrNone = ""

    @property
    def is_on(self) -> bool:
        return bool(self.certificate_file)


def check_tls(tls: Tls, source: str) -> None:
    """Raises SettingsInvalid: what no single value says."""
    if tls.is_on != bool(tls.key_file):
        raise SettingsInvalid(
            f"setting 'http.tls' in {source}: certificate_file and key_file belong together"
        )
    if tls.client_ca_file and not tls.is_on:
        raise SettingsInvalid(
            f"setting 'http.tls.client_ca_file' in {source}: nobody is asked for a certificate"
            " without certificate_file"
        )
