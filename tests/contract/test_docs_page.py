"""`/docs` is a page of our own origin that loads nothing from elsewhere and runs nothing inline."""

import re

import pytest

from fluxiq.api.docs_page import ASSETS
from tests.support.api_twin import World

FILES = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs/docs.css": ("docs.css", "text/css; charset=utf-8"),
    "/docs/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
}


@pytest.mark.parametrize("path", FILES)
async def test_the_page_and_what_it_loads_are_served_under_a_strict_policy(path: str) -> None:
    name, content_type = FILES[path]
    answer = await World().app().test_client().get(path)
    assert answer.status_code == 200
    assert await answer.get_data() == (ASSETS / name).read_bytes()
    assert answer.headers["Content-Type"] == content_type
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", FILES)
async def test_what_a_browser_has_is_not_sent_again(path: str) -> None:
    client = World().app().test_client()
    tag = (await client.get(path)).headers["ETag"]
    again = await client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, await again.get_data()) == (304, b"")


@pytest.mark.parametrize("name", ["docs.html", "docs.css", "docs.js"])
def test_nothing_is_loaded_from_another_origin(name: str) -> None:
    text = (ASSETS / name).read_text(encoding="utf-8")
    assert re.findall(r"https?://|(?:src|href)=\"//|@import|\\burl\([^)]", text) == []


def test_the_policy_has_nothing_to_forbid() -> None:
    """Inline scripts, styles and handlers would be blocked: the page must have none."""
    html = (ASSETS / "docs.html").read_text(encoding="utf-8")
    assert re.findall(r"<style|style=|\son\w+=|<script(?! src=)", html) == []
    script = (ASSETS / "docs.js").read_text(encoding="utf-8")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|eval\(|\.style\b", script) == []


async def test_everything_the_page_links_to_is_there() -> None:
    client = World().app().test_client()
    html = (ASSETS / "docs.html").read_text(encoding="utf-8")
    links = re.findall(r'(?:href|src)="([^"#]+)"', html)
    assert set(links) == {"docs/docs.css", "docs/docs.js", "openapi.json"}
    for link in links:
        assert (await client.get(f"/{link}")).status_code == 200
