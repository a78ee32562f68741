"""The table of commands says the truth about the files, which are imported when they are used."""

import subprocess
import sys

import pytest

from fluxiq.commands import FILES, commands_in


@pytest.mark.parametrize("file", FILES)
def test_table_has_the_commands_of_each_file(file: str) -> None:
    assert [one.name for one in commands_in(file)] == list(FILES[file])


def test_question_to_a_running_platform_does_not_import_the_product() -> None:
    code = (
        "import sys; from fluxiq.commands import commands_in;"
        "[commands_in(one) for one in ('tree', 'observe', 'operate', 'diagnose')];"
        "print(*{'quart', 'asyncpg', 'nats', 'redis', 'actors.tree'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
