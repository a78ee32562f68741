"""A built app as browsers meet it: its files, its page for every path, and a strict policy."""

import gzip
from pathlib import Path

import pytest
from quart.typing import TestClientProtocol as Client

from fluxiq.api.web_app import create_web_app, read_build
from fluxiq.errors import StartRefused

PAGE, SCRIPT = b"<!doctype html><title>app</title>", b"console.log('app')"
API = "http://api.example:4000"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    (tmp_path / ".vite").mkdir()
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "assets" / "app-1a2b.js").write_bytes(SCRIPT)
    (tmp_path / "assets" / "app-1a2b.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / ".vite" / "manifest.json").write_bytes(b"{}")
    return tmp_path


@pytest.fixture
def client(build: Path) -> Client:
    return create_web_app(read_build(build), "", lambda host: API).test_client()


@pytest.mark.parametrize("path", ["/", "/index.html", "/payouts", "/payouts/pay_01/receipt"])
async def test_every_path_of_the_app_is_its_page(client: Client, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, await answer.get_data()) == (200, PAGE)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_what_is_named_after_its_content_is_kept_for_ever(client: Client) -> None:
    answer = await client.get("/assets/app-1a2b.js")

    assert await answer.get_data() == SCRIPT
    assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("accepted", "sent"),
    [("gzip, br", "gzip"), ("gzip;q=0", None), ("identity", None), ("br", None)],
)
async def test_it_is_sent_compressed_to_who_takes_that(
    client: Client, accepted: str, sent: str | None
) -> None:
    answer = await client.get("/assets/app-1a2b.js", headers={"Accept-Encoding": accepted})
    body = await answer.get_data()

    assert answer.headers.get("Content-Encoding") == sent
    assert (gzip.decompress(body) if sent else body) == SCRIPT
    assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone.js",
        "/assets/",
        "/favicon.ico",
        "/.vite/manifest.json",
        "/assets/app-1a2b.js.gz",
        "/assets/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd.txt",
    ],
)
async def test_a_file_that_the_app_does_not_have_is_not_found(client: Client, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_what_a_browser_has_is_not_sent_again(client: Client) -> None:
    tag = (await client.get("/")).headers["ETag"]
    again = await client.get("/payouts", headers={"If-None-Match": tag})
    assert (again.status_code, await again.get_data()) == (304, b"")


async def test_the_page_runs_what_is_ours_and_talks_to_the_api(client: Client) -> None:
    policy = (await client.get("/")).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert f"connect-src 'self' {API} ws://api.example:4000;" in policy
    assert "unsafe" not in policy


async def test_the_app_is_told_where_the_api_is(client: Client) -> None:
    answer = await client.get("/config.json")
    assert await answer.get_json() == {"api": API}
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_nothing_is_taken_but_looked_at(client: Client) -> None:
    assert (await client.post("/")).status_code == 405
    assert (await client.open("/", method="HEAD")).status_code == 200


def test_a_folder_without_a_build_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match="make ui"):
        read_build(tmp_path)
