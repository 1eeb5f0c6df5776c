# SPDX-License-Identifier: Apache-2.0
"""A scripted `ansible` that runs the carried program for real, here, once for each host.

It says its events the way that ansible-runner's own plug-in does. A file `HOST.json` holds what to
say of a host instead; a file `hang` makes it hang.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from day2.sandbox.hosts import events

SCRIPT = """#!{python} -I
import json, os, pathlib, sys, time
from day2.sandbox.hosts import events, programs
here, words = pathlib.Path({folder!r}), sys.argv[1:]
here.joinpath("arguments").write_text(words[words.index("-a") + 1])
if here.joinpath("hang").exists():
    time.sleep(60)
program = programs.load(words)
for host in pathlib.Path(words[words.index("--limit") + 1][1:]).read_text().split():
    scripted = here / (host + ".json")
    if scripted.exists():
        event = json.loads(scripted.read_text())
    else:
        os.environ["HOST"] = host
        event = events.event(host, *programs.run(program, here))
    print(events.write(events.folder(), host, event), end="", flush=True)
"""


def scripted(folder: Path, hosts: Sequence[str]) -> dict[str, Any]:
    """Make the virtualenv and the inventory; return the settings of section `kolla`."""
    programs = folder / "venv" / "bin"
    programs.mkdir(parents=True)
    (folder / "multinode").write_text("")
    (folder / "listing").write_text(json.dumps({"baremetal": {"hosts": list(hosts)}, "_meta": {}}))
    scripts = {
        "ansible": SCRIPT.format(python=sys.executable, folder=str(folder)),
        "ansible-inventory": f"#!/bin/sh\ncat {folder}/listing\n",
    }
    for name, text in scripts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return {"inventory": str(folder / "multinode"), "virtualenv": str(folder / "venv")}


def say(folder: Path, host: str, event: str, **result: Any) -> None:
    """Script what is said of one host."""
    (folder / f"{host}.json").write_text(json.dumps(events.event(host, event, result)))
