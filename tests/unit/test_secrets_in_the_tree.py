"""Nobody has committed a secret: what looks like one is in the baseline, where people read it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support.secret_scan import ROOT, SHAPES, WORDS, found, in_our_tree, known


def test_nothing_in_the_tree_looks_like_a_secret_but_what_is_known_to_be_none() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    now = in_our_tree()

    assert now - known() == set(), "a secret? else renew the baseline: tests/support/secret_scan.py"
    assert known() - now == set(), "gone, so they need not be known: renew the baseline"


@pytest.mark.parametrize("kind", ["key", "url", "word", "aws"])
def test_a_secret_that_is_committed_is_found(kind: str, tmp_path: Path) -> None:
    """Made here and now: this file must not have any itself."""
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    text = {
        "key": key.decode(),
        "url": "url = " + "postgres://" + "fluxiq:" + "Xk29-vQ1z" + "@db.example/fluxiq",
        "word": "pass" + 'word = "Xk29-vQ1z-77b"',
        "aws": "AKIA" + "Q3EGRD7Z4NTYH2PL",
    }[kind]
    file = tmp_path / "settings.py"
    file.write_text(f"{text}\n")

    assert len(found([str(file)], (*SHAPES, *WORDS))) == 1
