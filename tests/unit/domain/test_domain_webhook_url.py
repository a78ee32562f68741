"""Which URLs are posted to, and what a request to them needs."""

import pytest

from fluxiq.domain.webhook_url import Place, parse_webhook_url
from fluxiq.errors import Refused


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "https://merchant.example",
            Place(
                is_secure=True,
                host="merchant.example",
                port=443,
                host_header="merchant.example",
                target="/",
            ),
        ),
        (
            "https://LOJA.example:8443/a b?x=ç",
            Place(
                is_secure=True,
                host="loja.example",
                port=8443,
                host_header="loja.example:8443",
                target="/a%20b?x=%C3%A7",
            ),
        ),
        (
            "https://[2606:4700::1111]/",
            Place(
                is_secure=True,
                host="2606:4700::1111",
                port=443,
                host_header="[2606:4700::1111]",
                target="/",
            ),
        ),
        (
            "https://açaí.example/",
            Place(
                is_secure=True,
                host="xn--aa-4iaz.example",
                port=443,
                host_header="xn--aa-4iaz.example",
                target="/",
            ),
        ),
    ],
)
def test_a_url_becomes_what_a_request_needs(url: str, place: Place) -> None:
    assert parse_webhook_url(url, allow_http=False) == place


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://merchant.example/", "https://"),
        ("ftp://merchant.example/", "https://"),
        ("https:///path", "no host"),
        ("https://merchant.example:0/", "no host"),
        ("https://merchant.example:99999/", "no url"),
        ("https://[::1/", "no url"),
        ("https://user@merchant.example/", "password"),
        ("https://user:word@merchant.example/", "password"),
        ("https://@merchant.example/", "password"),
        ("https://merchant.example/#part", "fragment"),
        ("https://merchant.example/#", "fragment"),
        (f"https://{'a' * 64}.example/", "no url"),
    ],
)
def test_a_url_that_is_not_posted_to_is_refused_with_the_reason(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        parse_webhook_url(url, allow_http=False)

    assert refused.value.code == "webhook_url_invalid"
    assert refused.value.details == {"field": "url"}


def test_plain_http_is_for_those_who_allow_it() -> None:
    place = parse_webhook_url("http://127.0.0.1:4020/hooks", allow_http=True)

    assert (place.is_secure, place.port, place.target) == (False, 4020, "/hooks")
