# SPDX-License-Identifier: Apache-2.0
"""The scripted `ansible` and `ansible-inventory` of a sandbox.

`day2_look` is answered from the scenario; any other program of day2 is really run, with the host's
own folder for its root. Standard library only: every round starts this twice.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType
from typing import Any

from day2.sandbox.hosts import events, kolla, look, programs

LOOK, CORE = "day2_look", "2.18.6"
REFUSED = "ERROR! the Ansible of a sandbox runs day2's own programs only\n"
UNREACHABLE = (
    "Failed to connect to the host via ssh: ssh: connect to host {0} port 22: No route to host"
)


def inventory(here: Path) -> int:
    """Print the inventory, as `ansible-inventory --list` does."""
    hosts = _cloud(here)["hosts"]
    listing = kolla.inventory({name: host["roles"] for name, host in hosts.items()})
    sys.stdout.write(json.dumps(listing) + "\n")
    return 0


def ansible(here: Path, words: list[str]) -> int:
    """Run one of day2's programs on the hosts of `--limit @FILE`."""
    if words[:1] == ["--version"]:
        sys.stdout.write(f"ansible [core {CORE}]\n  executable location = {here / 'bin'}/ansible\n")
        return 0
    if "--module-path" not in words or "--limit" not in words:
        sys.stderr.write(REFUSED)
        return 1
    cloud = _cloud(here)
    program = programs.load(words)
    limit = Path(words[words.index("--limit") + 1].removeprefix("@"))
    where = events.folder()
    for name in limit.read_text().split():
        event = _event(here, cloud, name, words[words.index("-m") + 1], program)
        sys.stdout.write(events.write(where, name, event))
        sys.stdout.flush()
    return 0


def kolla_ansible(words: list[str]) -> int:
    """Tell the version; nothing can be deployed to hosts that are not there."""
    if words == ["--version"]:
        sys.stdout.write(f"kolla-ansible {kolla.VERSION}\n")
        return 0
    sys.stderr.write("ERROR! the kolla-ansible of a sandbox deploys nothing\n")
    return 1


def power(here: Path, words: list[str]) -> int:
    """Tell a host's power as `ipmitool chassis power status` does: a dead one is off."""
    host = _cloud(here)["hosts"].get(words[0] if words else "")
    if host is None:
        sys.stderr.write("Error: Unable to establish IPMI v2 / RMCP+ session\n")
        return 1
    sys.stdout.write(f"Chassis Power is {'off' if host['dead'] else 'on'}\n")
    return 0


def _event(
    here: Path, cloud: dict[str, Any], name: str, module: str, program: CodeType
) -> dict[str, Any]:
    host = cloud["hosts"].get(name)
    start = _now()
    if host is None or host["dead"]:
        said = {"msg": UNREACHABLE.format(name), "unreachable": True, "changed": False}
        return events.event(name, "unreachable", said)
    if module == LOOK:
        seen = {"changed": False, "day2": look.look(name, host, cloud["at"])}
        return events.event(name, "ok", seen, start=start, end=_now())
    kind, result = programs.run(program, here / "hosts" / name, here)
    return events.event(name, kind, result, start=start, end=_now())


def _cloud(here: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((here / "cloud.json").read_text(encoding="utf-8"))
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat()  # noqa: TID251 - Ansible's own clock
