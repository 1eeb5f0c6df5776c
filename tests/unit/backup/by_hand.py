# SPDX-License-Identifier: Apache-2.0
"""Do what the page of a set says, as a person would who has nothing but a shell and stock tools."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMMAND = re.compile(r"^ {7}(\S.*)$", re.MULTILINE)
HASH = re.compile(r"[0-9a-f]{64}  ")


def commands(page: str) -> list[str]:
    """Return what the page tells to type, in its order; what is expected of them is left out."""
    found = COMMAND.findall(page.replace("\\\n         ", ""))
    return [line for line in found if not HASH.match(line)]


def follow(folder: Path, *, place: Path, words: Mapping[str, str], until: str = "") -> str:
    """Follow the page of the set that lies in a folder, in one shell; return what was printed.

    `place` stands for /root/restore, `words` for what the page cannot know; `until` is the step
    that is not done any more. A command that fails ends it, as the page says.
    """
    page = (folder / "HOWTO.txt").read_text()
    if until:
        assert f"\n{until}" in page
        page = page.partition(f"\n{until}")[0]
    script = "\n".join(commands(page)).replace("/root/restore", str(place))
    for word, meant in words.items():
        script = script.replace(word, meant)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    for told in re.findall(r"^([0-9a-f]{64}) ", done.stdout, re.MULTILINE):
        assert f"{told}  " in page, told
    return done.stdout
