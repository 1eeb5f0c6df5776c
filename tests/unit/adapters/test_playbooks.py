# SPDX-License-Identifier: Apache-2.0
"""A colleague's playbook is found however the inventory was written on the command line."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from day2.adapters import children


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end, "it was not seen"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        (["-i", "multinode"], "kolla"),
        (["-i", "./multinode", "site.yml"], "kolla"),
        (["--inventory=kolla/multinode"], "."),
        (["-i", "link/multinode"], "."),
        (["-imultinode"], "kolla"),
    ],
)
def test_a_relative_inventory_is_the_one_below_the_playbooks_folder(
    tmp_path: Path, words: list[str], folder: str
) -> None:
    for name in ("kolla", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "multinode").write_text("[control]\n")
    (tmp_path / "link").symlink_to("kolla")
    program = tmp_path / "ansible-playbook"
    program.write_text("#!/bin/sh\nread -r nothing\n")
    program.chmod(0o755)
    colleague = subprocess.Popen(
        [str(program), *words], cwd=tmp_path / folder, stdin=subprocess.PIPE
    )
    try:
        inventory = tmp_path / "kolla" / "multinode"
        until(lambda: [pid for pid, _line in children.playbooks(inventory)] == [colleague.pid])
        assert children.playbooks(tmp_path / "other" / "multinode") == []
    finally:
        colleague.kill()
        colleague.wait()
        assert colleague.stdin is not None
        colleague.stdin.close()
