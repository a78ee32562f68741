"""Nobody of ours speaks anything older than TLS 1.2, whatever a system's configuration allows."""

import re
import ssl
from pathlib import Path

import httpx
import pytest

from fluxiq.api.server_tls import ServerTls
from fluxiq.http1 import client_tls
from fluxiq.settings.tls import Tls
from tests.support.certificates import HOST, Authority

ROOT = Path(__file__).resolve().parents[2]
# Where contexts are made; everybody else takes theirs.
MAKERS = {"fluxiq/http1/client.py", "fluxiq/api/server_tls.py", "fluxiq/sdk/live.py"}
MADE = re.compile(r"create_default_context\(|PROTOCOL_TLS\w*\)|wrap_socket\(|_create_unverified")


def test_contexts_are_made_in_few_places_and_each_says_its_oldest_version() -> None:
    folders = [ROOT / name for name in ("fluxiq", "actors", "supervisors")]
    sources = {file: file.read_text() for folder in folders for file in folder.rglob("*.py")}
    makers = {str(file.relative_to(ROOT)) for file, text in sources.items() if MADE.search(text)}

    assert makers == MAKERS
    for name in MAKERS:
        assert "minimum_version = ssl.TLSVersion.TLSv1_2" in (ROOT / name).read_text()


def test_nobody_switches_verification_off() -> None:
    pattern = re.compile(r"CERT_NONE|check_hostname = False|verify=False")
    sources = [file for name in ("fluxiq", "actors") for file in (ROOT / name).rglob("*.py")]
    assert [file for file in sources if pattern.search(file.read_text())] == []


@pytest.mark.parametrize("make", [client_tls, httpx.create_ssl_context])
def test_ours_and_httpxs_clients_begin_at_1_2_and_verify(make: object) -> None:
    context = make()  # type: ignore[operator]
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_our_server_begins_at_1_2(tmp_path: Path) -> None:
    certificate, key = Authority().issue(HOST, host=HOST).write(tmp_path, "server")
    tls = ServerTls(Tls(certificate_file=certificate, key_file=key))
    made = tls.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True).context
    assert made.minimum_version is ssl.TLSVersion.TLSv1_2
    assert made.verify_mode is ssl.CERT_NONE, "without authorities nobody is asked"
