# SPDX-License-Identifier: Apache-2.0
"""The scripted `ip` and `ps` of a sandbox's hosts; the host is the folder they are started in.

Standard library only: evidence starts both on every host.
"""

import json
import sys
from pathlib import Path
from typing import Any

from day2.sandbox.hosts import kolla

HEAD = "    PID   RSS %CPU ELAPSED COMMAND\n"


def ip(here: Path, words: list[str]) -> int:
    """Tell the addresses of the host as `ip -j addr` does."""
    if words != ["-j", "addr"]:
        sys.stderr.write("the ip of a sandbox tells addresses only\n")
        return 1
    inner = [
        {"family": "inet", "local": address, "prefixlen": 24}
        for address in _host(here).get("addresses", [])
    ]
    links = [
        {"ifindex": 1, "ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1"}]},
        {"ifindex": 2, "ifname": "bond0", "addr_info": inner},
    ]
    sys.stdout.write(json.dumps(links))
    return 0


def ps(here: Path, _words: list[str]) -> int:
    """Tell the processes of the host's services, and those that a file `processes` names."""
    rows = [
        f"{2000 + number:>7} {900_000 - 1000 * number:>7} 0.{number % 10} 4000000 {name}"
        for number, name in enumerate(kolla.containers(_host(here)["roles"]))
    ]
    written = Path("processes")
    more = written.read_text(encoding="utf-8").splitlines() if written.exists() else []
    sys.stdout.write(HEAD + "".join(f"{line}\n" for line in [*more, *rows]))
    return 0


def _host(here: Path) -> dict[str, Any]:
    cloud = json.loads((here / "cloud.json").read_text(encoding="utf-8"))
    found: dict[str, Any] = cloud["hosts"][Path.cwd().name]
    return found
