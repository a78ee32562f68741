"""Secrets in our own tree, as detect-secrets finds them, beside those that are known to be none.

    python -m tests.support.secret_scan > tests/support/known_secrets.txt

renews the baseline: read the difference before you commit it. A line is file, kind and hash.

Shapes that are never right (private keys, tokens of known services, URLs with passwords) are looked
for everywhere; words such as `password = "…"` in what is shipped only: tests are full of them, and
in the web apps they are what people read on a label.
"""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from detect_secrets import SecretsCollection
from detect_secrets.settings import transient_settings

ROOT: Final = Path(__file__).resolve().parents[2]
BASELINE: Final = ROOT / "tests" / "support" / "known_secrets.txt"
SHAPES: Final = (
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "StripeDetector",
    "TwilioKeyDetector",
)
WORDS: Final = ("KeywordDetector",)


def ours() -> list[str]:
    """What belongs to the project: tracked or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def found(names: Iterable[str], detectors: Iterable[str]) -> set[str]:
    """A line for each finding in the files `names`, which are relative to the project."""
    chosen = {"plugins_used": [{"name": one} for one in detectors], "filters_used": []}
    with transient_settings(chosen):
        collection = SecretsCollection(root=str(ROOT))
        for name in names:
            collection.scan_file(name)
    return {f"{name} | {one.type} | {one.secret_hash}" for name, one in collection}


def in_our_tree() -> set[str]:
    names = ours()
    shipped = [name for name in names if not name.startswith(("tests/", "fluxiq/ui/"))]
    return found(names, SHAPES) | found(shipped, WORDS)


def known() -> set[str]:
    return set(BASELINE.read_text().splitlines())


if __name__ == "__main__":
    print("\n".join(sorted(in_our_tree())))  # noqa: T201 - the baseline
