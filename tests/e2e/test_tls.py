"""A running platform with an end of TLS of its own, as an operator sees it."""

import json
import ssl
from pathlib import Path

import httpx

from tests.support.certificates import HOST, Authority
from tests.support.commands import fluxiq
from tests.support.platform import PlatformProcess
from tests.support.servers import free_port


def test_the_second_door_is_open_and_its_certificates_are_watched(folder: Path) -> None:
    public, port = Authority(), free_port()
    certificate, key = public.issue(HOST, host=HOST, until=20.5).write(folder, "server")
    environ = {
        "FLUXIQ_HTTP__TLS__PORT": str(port),
        "FLUXIQ_HTTP__TLS__CERTIFICATE_FILE": certificate,
        "FLUXIQ_HTTP__TLS__KEY_FILE": key,
        "FLUXIQ_HTTP__TLS__CLIENT_CA_FILE": public.write(folder, "clients"),
    }
    platform = PlatformProcess(folder / "data", environ).start()
    try:
        trusting = ssl.create_default_context(cadata=public.pem.decode())
        with httpx.Client(verify=trusting, trust_env=False) as client:
            assert client.get(f"https://{HOST}:{port}/readyz").status_code == 200
            metrics = client.get(f"https://{HOST}:{port}/metrics").text
        series = 'fluxiq_certificate_expires_seconds{institution="",kind="server",provider=""}'
        assert series in metrics

        asked = ("inspect", "operations/certificate_watch", "--json")
        told = fluxiq(*asked, data_dir=platform.data_dir)
        assert told.status == 0, told.stderr
        assert '"server": "20 days"' in json.dumps(json.loads(told.stdout))
        log = platform.log.read_text()
        assert '"event":"certificate_expires"' in log
    finally:
        platform.close()
