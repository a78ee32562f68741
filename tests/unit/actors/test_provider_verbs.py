"""What operators see of provider links: breaker, rate, last words, and certificates in time."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from msgspec import convert
from msgspec.structs import replace

from actors.platform import Platform
from actors.provider_verbs import provider_verbs
from actors.system import SystemClock
from fluxiq.domain.circuit import CircuitState
from fluxiq.domain.live_data import ProviderStatus
from fluxiq.errors import Unavailable
from fluxiq.ports.live_data import Known
from fluxiq.providers.guarded import GuardedProvider
from fluxiq.services.messages.operations.providers import CertificateOf, ProviderLinks
from fluxiq.services.tenant import Tenant
from fluxiq.settings import Institution, load
from fluxiq.settings.providers import HmacSha256Body, LinkLimits, ProviderLink, Psp
from fluxiq.settings.tls import Tls
from tests.support.admin_desk import Opened, ask, open_desk
from tests.support.certificates import Authority
from tests.support.provider_links import Watch

ISPB = "12345678"
LIMITS = LinkLimits(breaker_failures=2, breaker_pause_seconds=30.0, requests_per_second=100)


class Away:
    """`ports.Provider`, as much of it as these tests call: it never answers."""

    async def look_up(self, key: str) -> None:
        await trio.lowlevel.checkpoint()
        raise Unavailable("provider", f"did not answer about {key}")


class Room:
    """An institution with a PSP, whose certificate ends as a test says, and the desk's verbs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority, clock = folder, Authority(), SystemClock()
        self.guarded = GuardedProvider(cast("Any", Away()), LIMITS, name="psp", watcher=Watch())
        client, key = self.authority.issue("client", until=20.5).write(folder, "client")
        server, server_key = self.authority.issue("server", until=200.5).write(folder, "server")
        link = ProviderLink(
            name="psp",
            kind="bacen_psp",
            url="https://psp.example",
            callback=HmacSha256Body(secret_file="/run/secret"),
            psp=Psp(certificate_file=client, key_file=key),
            limits=LIMITS,
        )
        institution = Institution(ispb=ISPB, name="Banco", ledger=1, providers=(link,))
        self.tenant = cast(
            "Tenant",
            SimpleNamespace(
                ispb=ISPB,
                institution=institution,
                providers={"psp": self.guarded},
                live_data=SimpleNamespace(providers=self._known),
            ),
        )
        loaded = load({})
        tls = Tls(certificate_file=server, key_file=server_key)
        self.platform = SimpleNamespace(
            clock=clock,
            settings=replace(loaded, http=replace(loaded.http, tls=tls)),
            register=SimpleNamespace(all=lambda: (institution,)),
        )
        self.seen = ProviderStatus(
            name="psp", breaker="closed", failures=0, last_answer_at=clock.now(),
            last_failure_at=None, seen_at=clock.now(),
        )  # fmt: skip

    async def _known(self) -> Known[ProviderStatus]:
        return Known(values={"psp": self.seen}, as_of=self.seen.seen_at, stale=False)

    def verbs(self, tenants: Opened) -> Any:
        self.platform.tenants = tenants
        return provider_verbs(cast("Platform", self.platform))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


async def test_a_link_shows_its_breaker_its_rate_and_when_it_answered(
    room: Room, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, room.verbs, room.tenant) as at:
        [link] = convert(await ask(at, "providers"), ProviderLinks).providers
        assert (link.name, link.kind, link.url) == ("psp", "bacen_psp", "https://psp.example")
        assert (link.guard.breaker, link.guard.failures) == (CircuitState.CLOSED, 0)
        assert (link.guard.requests_per_second, link.guard.calls_left) == (100, 100)
        assert link.guard.probe_after_seconds is None
        assert link.last_answer_at == room.seen.last_answer_at

        for _ in range(2):
            with pytest.raises(Unavailable):
                await room.guarded.look_up("somebody@example.com")
        [link] = convert(await ask(at, "providers"), ProviderLinks).providers
        assert (link.guard.breaker, link.guard.failures) == (CircuitState.OPEN, 2)
        assert link.guard.probe_after_seconds is not None
        assert 25 < link.guard.probe_after_seconds <= 30
        assert link.guard.calls_left in {98, 99}  # the bucket fills again meanwhile


async def test_its_certificates_say_when_they_end_or_what_is_wrong_with_them(
    room: Room, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, room.verbs, room.tenant) as at:
        [link] = convert(await ask(at, "providers"), ProviderLinks).providers
        [one] = link.certificates
        assert (one.kind, one.days_left, one.urgency, one.problem) == ("client", 20, "soon", None)

        (room.folder / "client.pem").write_text("nothing of use")
        [link] = convert(await ask(at, "providers"), ProviderLinks).providers
        [one] = link.certificates
        assert (one.expires_at, one.days_left, one.urgency) == (None, None, None)
        assert one.problem is not None
        assert "no certificate can be read" in one.problem


async def test_all_certificates_of_the_platform_are_listed_ours_too(
    room: Room, tmp_path: Path
) -> None:
    async with open_desk(tmp_path, room.verbs, room.tenant) as at:
        found = convert(await ask(at, "certificates"), list[CertificateOf])
    assert [(one.kind, one.institution, one.provider, one.days_left) for one in found] == [
        ("server", "", "", 200),
        ("client", ISPB, "psp", 20),
    ]
