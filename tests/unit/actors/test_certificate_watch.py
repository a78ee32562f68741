"""Certificates that expire are known of in time: in the metric, the log and the tree."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from actors.certificate_watch import CertificateWatch
from actors.platform import Platform
from actors.system import SystemClock
from fluxiq.providers.certificates import Urgency, urgency_of
from fluxiq.settings import Institution, load
from fluxiq.settings.providers import HmacSha256Body, ProviderLink, Psp
from fluxiq.settings.tls import Tls
from fluxiq.telemetry.metrics import Metrics
from supervisors import Context
from tests.support.certificates import Authority

ISPB = "12345678"
DAY = 86_400


class Facts:
    """What a process says of itself."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}

    def report(self, **facts: object) -> None:
        self.said |= facts


class House:
    """Our end of TLS and one link, whose files last as long as a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, Authority()
        self.facts, self.metrics = Facts(), Metrics(process=False)
        server, server_key = self.authority.issue("server", until=200.5).write(folder, "server")
        client, client_key = self.authority.issue("client", until=100.5).write(folder, "client")
        ca = self.authority.write(folder)
        tls = Tls(certificate_file=server, key_file=server_key, client_ca_file=ca)
        link = ProviderLink(
            name="psp",
            kind="bacen_psp",
            url="https://psp.example",
            callback=HmacSha256Body(secret_file="/run/secret"),
            psp=Psp(certificate_file=client, key_file=client_key, ca_file=ca),
        )
        self.institutions = [Institution(ispb=ISPB, name="Banco", ledger=1, providers=(link,))]
        loaded = load({})
        platform = SimpleNamespace(
            settings=replace(loaded, http=replace(loaded.http, tls=tls)),
            register=SimpleNamespace(all=lambda: tuple(self.institutions)),
            metrics=self.metrics,
            clock=SystemClock(),
        )
        self.watch = CertificateWatch(cast("Platform", platform))

    async def look(self) -> list[Any]:
        with capture_logs() as logs:
            await self.watch.look(cast("Context", self.facts))
        return logs

    def client_ends_in(self, days: float) -> None:
        self.authority.issue("client", since=-90, until=days).write(self.folder, "client")

    def seconds(self, kind: str, *, institution: str = ISPB, provider: str = "psp") -> float | None:
        labels = {"institution": institution, "provider": provider, "kind": kind}
        return self.metrics.registry.get_sample_value("fluxiq_certificate_expires_seconds", labels)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_everything_that_can_expire_is_in_the_metric_and_in_the_facts(house: House) -> None:
    assert await house.look() == []

    assert house.seconds("client") == pytest.approx(100.5 * DAY, abs=DAY / 4)
    assert house.seconds("provider_ca") == pytest.approx(3_650 * DAY, abs=DAY)
    own = {"institution": "", "provider": ""}
    assert house.seconds("server", **own) == pytest.approx(200.5 * DAY, abs=DAY / 4)
    assert house.seconds("client_ca", **own) == pytest.approx(3_650 * DAY, abs=DAY)
    assert house.facts.said["certificates"][f"{ISPB}:psp:client"] == "100 days"
    assert len(house.facts.said["certificates"]) == 4


@pytest.mark.parametrize(
    ("days", "level", "event"),
    [
        (29.5, "warning", "certificate_expires"),
        (6.5, "error", "certificate_expires"),
        (-0.5, "error", "certificate_expired"),
    ],
)
async def test_the_last_month_is_a_warning_the_last_week_an_error_and_the_end_an_alarm(
    house: House, days: float, level: str, event: str
) -> None:
    house.client_ends_in(days)
    [said] = await house.look()

    assert (said["log_level"], said["event"]) == (level, event)
    assert (said["institution"], said["provider"], said["kind"]) == (ISPB, "psp", "client")
    assert said["days_left"] == int(days // 1)
    assert await house.look() == [], "once a day is enough"
    seconds = house.seconds("client")
    assert seconds is not None
    assert (seconds < 0) is (days < 0)


async def test_a_certificate_that_was_replaced_is_no_alarm_any_more(house: House) -> None:
    house.client_ends_in(-1)
    assert len(await house.look()) == 1
    house.client_ends_in(90)
    assert await house.look() == []
    house.client_ends_in(-1)
    assert len(await house.look()) == 1


async def test_a_file_that_is_gone_is_said_once_and_the_others_are_looked_at(house: House) -> None:
    (house.folder / "client.pem").unlink()
    [said] = await house.look()

    assert (said["log_level"], said["event"]) == ("error", "certificate_unreadable")
    assert "cannot read" in said["reason"]
    assert await house.look() == []
    assert house.seconds("client") is None
    assert house.facts.said["certificates"][f"{ISPB}:psp:client"] == "unreadable"
    assert house.seconds("provider_ca") is not None


async def test_of_authorities_the_last_counts_while_an_old_one_is_replaced(house: House) -> None:
    old = Authority("Old").issue("old authority", since=-20, until=-1).chain
    (house.folder / "authority.pem").write_bytes(old + house.authority.pem)
    assert await house.look() == []


async def test_an_institution_that_left_is_not_in_the_metric(house: House) -> None:
    await house.look()
    house.institutions.clear()
    await house.look()

    assert house.seconds("client") is None
    assert house.seconds("server", institution="", provider="") is not None


@pytest.mark.parametrize(
    ("days", "urgency"),
    [
        (30.01, Urgency.FINE),
        (30, Urgency.SOON),
        (7.01, Urgency.SOON),
        (7, Urgency.URGENT),
        (0.001, Urgency.URGENT),
        (0, Urgency.EXPIRED),
    ],
)
def test_a_month_and_a_week_are_the_edges(days: float, urgency: Urgency) -> None:
    assert urgency_of(days * DAY) is urgency
