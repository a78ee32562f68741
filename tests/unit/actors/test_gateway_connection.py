"""A gateway connection in the tree: what an operator and Prometheus see of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from actors.branch import Branch
from actors.gateway_connection import LOOK_SECONDS, gateway_connection
from actors.platform import Platform
from actors.system import SystemClock
from fluxiq.errors import Unavailable
from fluxiq.providers import ProviderAddress
from fluxiq.settings import Institution, load
from fluxiq.settings.providers import HmacSha256Body, LinkLimits, ProviderLink, Psp
from fluxiq.telemetry.metrics import Metrics
from supervisors import StartFailed, Strategy, SupervisorSpec, Tree, open_tree
from tests.support.certificates import Authority
from tests.support.provider_links import a_payout, private
from tests.support.servers import free_port

ISPB = "12345678"
LIMITS = LinkLimits(breaker_failures=2, breaker_pause_seconds=30.0)
LABELS = {"institution": ISPB, "provider": "psp"}


class PlatformOfLinks:
    """What a gateway connection needs of a platform."""

    def __init__(self) -> None:
        self.settings = load({})
        self.metrics = Metrics(process=False)
        self.clock = SystemClock()

    def provider_address(self, institution: Institution, link: ProviderLink) -> ProviderAddress:
        return ProviderAddress(link=link, ispb=institution.ispb, url=link.url, secret="")


def psp_link(folder: Path, *, days: float = 100.5) -> ProviderLink:
    """A link to nobody: the port is free."""
    certificate, key = Authority().issue("client", until=days).write(folder, "client")
    return ProviderLink(
        name="psp",
        kind="bacen_psp",
        url=f"https://127.0.0.1:{free_port()}",
        callback=HmacSha256Body(secret_file=private(folder / "secret", b"secret")),
        psp=Psp(certificate_file=certificate, key_file=key),
        limits=LIMITS,
    )


@asynccontextmanager
async def running(link: ProviderLink) -> AsyncIterator[tuple[Branch, Tree]]:
    institution = Institution(ispb=ISPB, name="Banco", ledger=1, providers=(link,))
    branch = Branch(platform=cast("Platform", PlatformOfLinks()), institution=institution)
    root = SupervisorSpec(
        id="root", strategy=Strategy.ONE_FOR_ONE, children=[gateway_connection(branch, link)]
    )
    async with open_tree(root) as tree:
        yield branch, tree


def facts(tree: Tree) -> dict[str, Any]:
    node = tree.snapshot().find("root/psp")
    assert node is not None
    assert (node.state, node.incarnation) == ("running", 1)
    return dict(node.facts)


def value(branch: Branch, name: str, **labels: str) -> float | None:
    return branch.metrics.registry.get_sample_value(name, {**LABELS, **labels})


async def test_it_is_up_though_its_provider_is_away_and_shows_breaker_and_certificate(
    tmp_path: Path,
) -> None:
    link = psp_link(tmp_path)
    async with running(link) as (branch, tree):
        assert facts(tree) == {
            "url": link.url,
            "breaker": "closed",
            "failures": 0,
            "certificate_days_left": 100,
        }
        assert value(branch, "fluxiq_provider_breaker_state") == 0
        days = value(branch, "fluxiq_provider_certificate_days_left")
        assert days == pytest.approx(100.5, abs=0.1)


async def test_a_breaker_that_opens_is_seen_at_once(tmp_path: Path) -> None:
    async with running(psp_link(tmp_path)) as (branch, tree):
        provider = branch.provider("psp").get()
        for _ in range(3):
            with pytest.raises(Unavailable):
                await provider.send(a_payout())

        assert facts(tree)["breaker"] == "open"
        assert facts(tree)["failures"] == 2
        requests = "fluxiq_provider_requests_total"
        assert value(branch, requests, operation="send", outcome="unavailable") == 2
        assert value(branch, requests, operation="send", outcome="held_back") == 1
        assert value(branch, "fluxiq_provider_breaker_state") == 1


async def test_a_replaced_certificate_is_noticed_while_nobody_calls(tmp_path: Path) -> None:
    async with running(psp_link(tmp_path)) as (_, tree):
        Authority().issue("client", until=300.5).write(tmp_path, "client")
        await trio.sleep(LOOK_SECONDS + 1)

        assert facts(tree)["certificate_days_left"] == 300


async def test_a_key_that_others_may_read_keeps_it_from_starting(tmp_path: Path) -> None:
    link = psp_link(tmp_path)
    assert link.psp is not None
    await trio.Path(link.psp.key_file).chmod(0o644)

    with pytest.raises(StartFailed):
        async with running(link):
            pass
