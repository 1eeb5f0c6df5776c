# SPDX-License-Identifier: Apache-2.0
"""Known problems of Kolla's own programs: made to fail for real, their words name each first."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.parts import running
from lab.parts.boxes import Boxes
from lab.parts.boxes_kolla import Kolla
from lab.parts.tools import cached, run
from lab.place import Place
from lab.venv import clean_environment, find_uv
from tests.lab.program import Program

pytestmark = pytest.mark.full
BCRYPT = "bcrypt==5.0.0"
HASHED = "msg={{ ('x' * 73) | password_hash('bcrypt') }}"


def backup_without_rights(place: Place) -> str:
    """Run Kolla's own backup with an account that lacks the rights which came with the fix."""
    with running(Boxes(place, "podman")) as part:
        part.sql(
            "mariadb",
            "REVOKE CREATE, ALTER, INSERT ON mysql.mariadb_backup_history FROM backup@'%'",
            "REVOKE CREATE, INSERT, SELECT ON mysql.* FROM backup@'%'",
        )
        with pytest.raises(RuntimeError) as ended:
            part.kolla_backup("full")
        return str(ended.value)


def password_too_long(place: Place) -> str:
    """Let Ansible hash a password of 73 characters, with the bcrypt that does not cut it."""
    kolla, uv = Kolla(place), find_uv(place.cache)
    kolla.install()

    def build(target: Path) -> None:
        words: list[str | Path] = [
            "--python",
            sys.executable,
            "--target",
            target,
            "--no-deps",
            BCRYPT,
        ]
        run([uv, "pip", "install", *words], env=clean_environment(), seconds=300)

    folder = cached(place.cache / "venv" / BCRYPT.replace("==", "-"), build)
    done = subprocess.run(
        [kolla.bin / "ansible", "localhost", "-m", "debug", "-a", HASHED],
        capture_output=True,
        text=True,
        check=False,
        env={**clean_environment(), "PATH": os.environ["PATH"], "PYTHONPATH": str(folder)},
    )
    assert done.returncode, done.stdout
    return done.stdout + done.stderr


FAILURES = (
    ("kolla-backup-rights", backup_without_rights),
    ("kolla-password-too-long", password_too_long),
)


@pytest.mark.parametrize(
    ("problem", "fail"), [pytest.param(*failure, id=failure[0]) for failure in FAILURES]
)
def test_the_words_of_a_real_failure_name_it_first(
    problem: str, fail: Callable[[Place], str], place: Place, program: Program
) -> None:
    said = fail(place)
    ended = program.run("problem", "find", "--text", said, "-f", "json")
    assert ended.code == 10, ended.stderr
    assert [one["id"] for one in ended.document["suspects"][:1]] == [problem], said
