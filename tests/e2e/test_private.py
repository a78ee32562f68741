"""A running platform, also one whose servers are killed, shows its secrets to nobody: walked."""

import base64
import os
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import trio

from fluxiq.stores.provision import role_of
from tests.support.commands import fluxiq, processes_in
from tests.support.merchants import Inside, eventually
from tests.support.platform import PlatformProcess

ISPBS = ("12345678", "87654321")
FROM_A_FILE = "f" * 64  # what an operator gives us by `…_FILE`
CORE_LIMIT = re.compile(r"^Max core file size +1 +1 ", re.MULTILINE)


async def test_after_servers_were_killed_no_secret_is_in_logs_crash_reports_or_processes(
    folder: Path,
) -> None:
    kept = folder / "hs256"
    kept.write_text(FROM_A_FILE)
    environ = {"FLUXIQ_IDENTITY__HS256_SECRET_FILE": str(kept), "FLUXIQ_LOG__LEVEL": "debug"}
    platform = PlatformProcess(folder / "data", environ).start()
    try:
        secrets = _secrets_of(platform) | await _logged_in(platform)
        assert {name for name, one in secrets.items() if len(one) < 8} == set()
        for server in ("postgres", "valkey"):
            await _kill(platform, server)

        places = dict(_places(platform))
        assert any(one.startswith("crash ") for one in places), "it was to crash"
        assert any("Traceback" in one.decode(errors="replace") for one in places.values())
        assert list(_found({"no secret": ISPBS[0].encode()}, places)), "nothing is looked at"
        assert list(_found(secrets, places)) == []
    finally:
        platform.close()


def test_its_files_are_its_owners_alone_and_it_leaves_no_core(
    running_platform: PlatformProcess,
) -> None:
    wide = [
        str(path.relative_to(running_platform.data_dir))
        for path in running_platform.data_dir.rglob("*")
        if not path.is_symlink()
        and path.lstat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        and not stat.S_ISSOCK(path.lstat().st_mode)  # its folder is the door
    ]
    assert wide == []

    pids = processes_in(running_platform.data_dir.parent)
    assert running_platform.pid in pids
    assert len(pids) >= 4, "the platform, its servers and its simulator"
    limits = {pid: Path(f"/proc/{pid}/limits").read_text() for pid in pids}
    assert [pid for pid, said in limits.items() if not CORE_LIMIT.search(said)] == []


def _secrets_of(platform: PlatformProcess) -> dict[str, bytes]:
    """Everything that the data folder keeps or derives, by a name for the reader of a failure."""
    directory = Inside(platform.data_dir).directory
    names = ["postgres/superuser", "nats/fluxiq", "redis/fluxiq"]
    for ispb in ISPBS:
        names += [f"postgres/{role_of(ispb)}", f"nats/{ispb}", f"redis/{ispb}"]
        names += [f"audit/{ispb}/1", f"api_keys/{ispb}", f"providers/{ispb}/simulator"]
    found = {name: directory.secret(name).encode() for name in names}

    master = (platform.data_dir / "secrets" / "master.key").read_bytes()
    found |= {"master": master, "master, hex": master.hex().encode()}
    found["master, base 64"] = base64.b64encode(master)
    lines = (platform.data_dir / "secrets" / "sealing.keys").read_bytes().split()
    found |= {f"sealing key {number}": line for number, line in enumerate(lines)}
    found["from a file"] = FROM_A_FILE.encode()
    return found


async def _logged_in(platform: PlatformProcess) -> dict[str, bytes]:
    """The keys, passwords and tokens of people: used, so that they could have been written down."""
    found: dict[str, bytes] = {}
    async with httpx.AsyncClient(base_url=platform.addresses.api, trust_env=False) as http:
        for ispb, login in platform.logins.items():
            assert login.owner is not None
            found[f"API key of {ispb}"] = login.api_key.encode()
            found[f"password of {ispb}"] = login.owner.password.encode()
            said = {"document": login.owner.document, "password": login.owner.password}
            answer = await http.post("/api/v1/auth/login", json={**said, "ispb": ispb})
            assert answer.status_code == 200, answer.text
            for name in ("access_token", "refresh_token"):
                found[f"{name} of {ispb}"] = answer.json()["data"][name].encode()
            key = {"Authorization": f"Bearer {login.api_key}"}
            assert (await http.get("/api/v1/accounts", headers=key)).status_code == 200
            wrong = {"Authorization": f"Bearer {login.api_key}x"}
            assert (await http.get("/api/v1/accounts", headers=wrong)).status_code == 401
    return found


async def _kill(platform: PlatformProcess, server: str) -> None:
    """`kill -9` an embedded server, with requests on the way, and wait until all is well again."""
    pids = [pid for pid in processes_in(platform.data_dir.parent) if server in _command(pid)]
    assert pids, f"no {server} runs"
    os.kill(min(pids), signal.SIGKILL)
    login = platform.logins[ISPBS[0]]
    key = {"Authorization": f"Bearer {login.api_key}"}
    async with httpx.AsyncClient(base_url=platform.addresses.api, trust_env=False) as http:
        for _ in range(20):
            await http.get("/api/v1/accounts", headers=key, timeout=30)
            await trio.sleep(0.05)

        async def is_well() -> bool:
            return (await http.get("/readyz", timeout=30)).status_code == 200

        await eventually(is_well)


def _places(platform: PlatformProcess) -> Iterator[tuple[str, bytes]]:
    """Where secrets must not be: (what it is, what it says)."""
    # What `up` says to the person at the terminal has the demo's keys, on purpose: no log line.
    lines = [one for one in platform.log.read_bytes().splitlines() if one.startswith(b"{")]
    assert len(lines) > 20
    yield "log", b"\n".join(lines)
    for file in (platform.data_dir / "logs").iterdir():
        yield f"log of {file.name}", file.read_bytes()
    for file in (platform.data_dir / "run" / "crashes").iterdir():
        yield f"crash {file.name}", file.read_bytes()
    yield "crashes told", fluxiq("crashes", data_dir=platform.data_dir).stdout.encode()
    for pid in processes_in(platform.data_dir.parent):
        for name in ("cmdline", "environ"):
            yield f"{name} of {_command(pid)[:60]}", Path(f"/proc/{pid}/{name}").read_bytes()


def _found(secrets: dict[str, bytes], places: dict[str, bytes]) -> Iterator[str]:
    for place, said in places.items():
        for name, one in secrets.items():
            if one in said:
                yield f"{name}: in the {place}"


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
