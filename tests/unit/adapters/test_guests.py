# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from day2.adapters import guests
from day2.errors import BadAnswer, BadSettings, Unreachable
from day2.model.recovery import Guest

PROGRAM = resources.files("day2.adapters.remote").joinpath("day2_guests.py")
ENGINE = """#!/bin/sh
case "$*" in
  "ps --all --format {{.Names}}") echo nova_compute; echo nova_libvirt;;
  "exec nova_libvirt virsh list --all --uuid") echo a; echo b; echo;;
  "exec nova_libvirt virsh list --uuid") echo b; echo;;
  *) echo "unknown: $*" >&2; exit 1;;
esac
"""


def executable(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)


def looked(folder: Path, engine: str = "") -> dict[str, Any]:
    """Run the program as Ansible does, on a host with these executables only."""
    arguments = json.dumps({"engine": engine, "seconds": 6})
    text = PROGRAM.read_text(encoding="utf-8").replace(
        "<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>", arguments
    )
    # The real system folders may have programs of these names.
    text = text.replace('["/usr/local/bin", "/usr/bin", "/bin"]', "[]")
    done = subprocess.run(
        [sys.executable, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": str(folder)},
    )
    found: dict[str, Any] = json.loads(done.stdout)["day2"]
    return found


def test_libvirt_in_its_container_tells_what_it_has_and_what_runs(tmp_path: Path) -> None:
    executable(tmp_path, "docker", ENGINE)
    rows = [{"id": "a", "running": False}, {"id": "b", "running": True}]
    assert looked(tmp_path) == {"guests": rows}


def test_a_host_without_libvirt_has_none_which_is_not_the_same_as_no_guest(tmp_path: Path) -> None:
    assert looked(tmp_path) == {"guests": None}
    executable(tmp_path, "docker", "#!/bin/sh\necho keystone\n")
    assert looked(tmp_path) == {"guests": None}
    executable(tmp_path, "virsh", "#!/bin/sh\necho\n")
    assert looked(tmp_path) == {"guests": []}


def test_libvirt_that_does_not_answer_is_told(tmp_path: Path) -> None:
    executable(tmp_path, "docker", ENGINE.replace("echo a; echo b; echo;;", "exit 3;;"))
    assert looked(tmp_path) == {"error": f"{tmp_path}/docker ended with 3"}
    executable(tmp_path, "docker", "#!/bin/sh\necho no daemon >&2\nexit 1\n")
    assert looked(tmp_path) == {"error": "no daemon"}


def test_lines_of_a_command_are_read() -> None:
    found = guests.parse("cmp1 a running\ncmp1 b stopped\n\ncmp2 -\n")
    assert found.hosts == ["cmp1", "cmp2"]
    assert found.guests == [
        Guest(host="cmp1", id="a", running=True),
        Guest(host="cmp1", id="b", running=False),
    ]


@pytest.mark.parametrize("line", ["cmp1", "cmp1 a", "cmp1 a paused", "cmp1 a running x"])
def test_any_other_line_is_no_answer(line: str) -> None:
    with pytest.raises(BadAnswer, match="has a line"):
        guests.parse(f"cmp2 -\n{line}\n")


def test_a_command_that_fails_tells_nothing() -> None:
    with pytest.raises(Unreachable):
        guests.by_command(["/bin/sh", "-c", "echo cmp1 -; exit 1"], {}, seconds=5)
    with pytest.raises(BadSettings):
        guests.by_command(["/nonexistent"], {}, seconds=5)
