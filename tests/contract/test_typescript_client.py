"""A TypeScript client that is generated from the document compiles, and refuses what the API would.

Needs node and three packages; say where they are, and it runs:

    npm install --prefix ~/fluxiq-node openapi-typescript@7 openapi-fetch typescript@5.9
    FLUXIQ_NODE_MODULES=~/fluxiq-node/node_modules pytest tests/contract/test_typescript_client.py
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.api_document import document

PROGRAM = Path(__file__).parents[1] / "support" / "typescript" / "merchant.ts"
PACKAGES = ("openapi-typescript", "openapi-fetch", "typescript")
SECONDS_MAX = 120
COMPILER = {
    "strict": True,
    "exactOptionalPropertyTypes": True,
    "noUncheckedIndexedAccess": True,
    "noEmit": True,
    "module": "esnext",
    "moduleResolution": "bundler",
    "target": "es2022",
    "lib": ["es2022", "dom"],
    "types": [],
}


@pytest.fixture
def modules() -> Path:
    """The folder of node packages, or a reason to skip."""
    folder = Path(os.environ.get("FLUXIQ_NODE_MODULES", "node_modules")).expanduser().resolve()
    missing = [name for name in PACKAGES if not (folder / name).is_dir()]
    if missing or shutil.which("node") is None:
        pytest.skip(f"no {' '.join(missing) or 'node'}: set FLUXIQ_NODE_MODULES (see {__name__})")
    return folder


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_generated_client_compiles_under_strict(modules: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "openapi.json").write_text(json.dumps(document()), encoding="utf-8")
    shutil.copy(PROGRAM, tmp_path)
    project = {"compilerOptions": COMPILER, "files": [PROGRAM.name]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(project), encoding="utf-8")

    # A field with a default may be left out by who sends it: the generator's own default differs.
    options = ("--default-non-nullable=false", "-o", "client.d.ts")
    run(modules / ".bin" / "openapi-typescript", "openapi.json", *options, cwd=tmp_path)
    run(modules / ".bin" / "tsc", "-p", ".", cwd=tmp_path)
