"""Servers of somebody else: the platform starts none of its own and uses those it is given."""

from pathlib import Path

from tests.support.commands import fluxiq
from tests.support.servers import run_nats, run_postgres, run_valkey


def test_the_demo_runs_on_servers_that_the_settings_name(folder: Path) -> None:
    with run_postgres() as postgres, run_nats() as nats, run_valkey() as valkey:
        finished = fluxiq(
            "demo",
            data_dir=folder / "data",
            environ={
                "FLUXIQ_POSTGRES__URL": postgres.url(),
                "FLUXIQ_NATS__URL": nats.url,
                "FLUXIQ_REDIS__URL": valkey.url,
            },
        )

    assert finished.status == 0, finished.stderr
    assert finished.stdout.count("the books balance") == 2
    for server in ("postgres", "nats", "redis"):
        assert f"├─ {server}" not in finished.stdout
        assert not (folder / "data" / "logs" / f"{server}.log").exists()


def test_an_institution_comes_and_goes_there_and_what_is_not_ours_to_do_is_said(
    folder: Path,
) -> None:
    with run_postgres() as postgres, run_nats() as nats, run_valkey() as valkey:
        environ = {
            "FLUXIQ_POSTGRES__URL": postgres.url(),
            "FLUXIQ_NATS__URL": nats.url,
            "FLUXIQ_REDIS__URL": valkey.url,
        }

        def order(*words: str) -> str:
            data = folder / "data"
            finished = fluxiq("institution", *words, data_dir=data, environ=environ)
            assert finished.status == 0, finished.stderr
            return finished.stdout

        added = order("add", "--ispb", "51000001", "--name", "Banco de fora")
        assert added.startswith("51000001 Banco de fora: added, ledger ")
        assert '"allow": ["FLUXIQ.51000001.>"' in added
        order("suspend", "51000001", "--yes")
        removed = order("remove", "51000001", "--yes")
        assert "let its administrator delete it" in removed
        assert "the schema inst_51000001 is kept" in removed
