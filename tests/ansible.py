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

SCRIPT = """#!{python}
import base64, json, os, pathlib, subprocess, sys, time
here = pathlib.Path({folder!r})
word = lambda name: sys.argv[sys.argv.index(name) + 1]
name = word("-m")
program = (pathlib.Path(word("--module-path")) / (name + ".py")).read_text()
program = program.replace("<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>", word("-a"))
here.joinpath("arguments").write_text(word("-a"))
if here.joinpath("hang").exists():
    time.sleep(60)
events = pathlib.Path(os.environ["AWX_ISOLATED_DATA_DIR"]) / "job_events"
for host in pathlib.Path(word("--limit")[1:]).read_text().split():
    scripted = here / (host + ".json")
    if scripted.exists():
        event = json.loads(scripted.read_text())
    else:
        done = subprocess.run([sys.executable, "-I", "-"], input=program, capture_output=True,
                              text=True, env={{"PATH": os.environ["PATH"], "HOST": host}})
        result = json.loads(done.stdout) if done.returncode == 0 else {{"msg": done.stderr}}
        kind = "runner_on_ok" if done.returncode == 0 else "runner_on_failed"
        event = {{"event": kind, "event_data": {{"host": host, "res": result}}}}
    uuid = "event-" + host
    (events / (uuid + "-partial.json")).write_text(json.dumps({{"uuid": uuid, **event}}))
    text = base64.b64encode(json.dumps({{"uuid": uuid}}).encode()).decode()
    for data in (text, base64.b64encode(b"{{}}").decode()):
        print("\\x1b[K" + data + "\\x1b[%dD" % len(data) + "\\x1b[K", end="", flush=True)
    print(flush=True)
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
    told = {"event": f"runner_on_{event}", "event_data": {"host": host, "res": result}}
    (folder / f"{host}.json").write_text(json.dumps(told))
