"""What an institution's file may say of a provider link, and which key a mistake is blamed on."""

import shutil
from pathlib import Path

import pytest

from fluxiq.errors import SettingsInvalid
from fluxiq.settings import load
from fluxiq.settings.providers import CallbackScheme, LinkLimits, MtlsOnly, ProviderLink

ROOT = Path(__file__).parents[2]

HEAD = 'ispb = "11111111"\nname = "Banco"\nledger = 9\n'
HEAD_OF_THE_EXAMPLE = HEAD.replace("Banco", "Banco Exemplo")
LINK = '[[providers]]\nname = "psp"\nkind = "bacen_psp"\nurl = "https://pix.psp.example"\n'
PSP = '[providers.psp]\ncertificate_file = "/run/ours.pem"\nkey_file = "/run/ours.key"\n'
TOKEN = """[providers.psp.token]
token_url = "https://auth.psp.example/token"
client_id = "x"
client_secret_file = "/run/client_secret"
"""
MTLS = """[providers.callback]
scheme = "mtls_only"
trusted_proxies = ["10.0.0.5"]
certificate_subject = "CN=psp"
"""


def read(folder: Path, text: str) -> ProviderLink:
    """The link of an institution whose file says `text` after its head."""
    copy = folder / "config"
    shutil.copytree(ROOT / "config", copy, dirs_exist_ok=True)
    shutil.rmtree(copy / "institutions")
    (copy / "institutions").mkdir()
    (copy / "institutions" / "11111111.toml").write_text(HEAD + text)
    (institution,) = load({"FLUXIQ_CONFIG_DIR": str(copy)}).institutions
    (link,) = institution.providers
    return link


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        read(folder, text)
    return str(refused.value)


def test_a_link_to_a_psp_needs_little_beside_its_files(tmp_path: Path) -> None:
    link = read(tmp_path, LINK + PSP + TOKEN + MTLS)

    assert link.psp is not None
    assert link.psp.token is not None
    assert (link.psp.ca_file, link.psp.payments_path) == (None, "/payments")
    assert isinstance(link.callback, MtlsOnly)
    assert link.limits == LinkLimits()


@pytest.mark.parametrize(
    ("scheme", "key"),
    [
        ("hmac_sha256", "secret_file"),
        ("hmac_sha256_body", "secret_file"),
        ("rsa_sha256", "public_key_file"),
        ("ecdsa_sha256", "public_key_file"),
        ("static_token", "token_file"),
        ("manifest_hmac", "secret_file"),
    ],
)
def test_every_scheme_has_its_one_file_and_no_other(tmp_path: Path, scheme: str, key: str) -> None:
    callback = f'[providers.callback]\nscheme = "{scheme}"\n{key} = "/run/proof"\n'
    link = read(tmp_path, LINK + PSP + callback)

    assert link.callback is not None
    assert link.callback.__struct_config__.tag == scheme
    stray = LINK + PSP + callback + 'trusted_proxies = ["10.0.0.5"]\n'
    assert "'providers[0].callback.trusted_proxies'" in refusal(tmp_path, stray)


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        (LINK + PSP, "needs the tables `callback` and `psp`"),
        (LINK + MTLS, "needs the tables `callback` and `psp`"),
        (LINK.replace("https", "http") + PSP + MTLS, "begins with https://"),
        (LINK.replace("bacen_psp", "simulator") + MTLS, "neither `callback` nor `psp`"),
        (LINK + PSP + MTLS.replace('certificate_subject = "CN=psp"', ""), "any certificate"),
        (LINK + PSP.replace("/run/ours.key", "ours.key") + MTLS, "'providers[0].psp.key_file'"),
        (LINK + PSP + MTLS.replace("mtls_only", "md5"), "'providers[0].callback.scheme'"),
        (LINK + PSP + "[providers.callback]\n", "'providers[0].callback"),
        (
            LINK + PSP + TOKEN.replace("https", "http") + MTLS,
            "'providers[0].psp.token.token_url'",
        ),
        (
            LINK + PSP + MTLS + "[providers.limits]\nbreaker_failures = 0\n",
            "'providers[0].limits.breaker_failures'",
        ),
        (
            LINK + PSP + MTLS + "[providers.limits]\nrequests_per_minute = 1\n",
            "'providers[0].limits.requests_per_minute'",
        ),
        (
            LINK + PSP + MTLS.replace("CN=psp", 'CN=psp"\ncertificate_sha256 = ["AB"]\nx = "'),
            "'providers[0].callback",
        ),
    ],
)
def test_a_mistake_is_blamed_on_its_key(tmp_path: Path, text: str, blamed: str) -> None:
    assert blamed in refusal(tmp_path, text)


def test_the_example_in_the_documentation_is_a_link_with_the_defaults(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    _, _, example = page.partition("```toml\n")
    link = read(tmp_path, example.partition("```")[0].removeprefix(HEAD_OF_THE_EXAMPLE))

    assert link.limits == LinkLimits()
    assert link.psp is not None
    assert link.psp.token is not None


def test_the_documentation_has_every_scheme_with_every_setting() -> None:
    page = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}

    for scheme in CallbackScheme.__args__:  # type: ignore[attr-defined]  # a union
        row = rows[scheme.__struct_config__.tag]
        assert [one for one in scheme.__struct_fields__ if f"`{one}`" not in row] == []
