# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.explain`: what the story of one thing costs on a cloud of 50,000 servers.

The sandbox `large` is asked for one thing of each type, from the start of the process to its end.
"""

import json
import sys

from bench.bounds import Bound
from bench.scale import SETTINGS, Sandboxed, sandbox
from day2.settings import read_yaml

SECONDS_MAX, RSS_MIB_MAX = 20.0, 1024
NAMED = ("lost", "render", "shop-01", "scratch", "old-vip", "debian-12", "compute00005")
SHOWN = 120


def ids(up: Sandboxed) -> list[tuple[str, str]]:
    """Name one thing of each type: those that were planted, and an address."""
    found = [(name, name) for name in NAMED]
    server = json.loads(up.explain("shop-01").out)["explanation"]
    ports = [link["subject"]["id"] for link in server["links"] if link["relation"] == "port"]
    return [*found, ("a port of shop-01", ports[0])]


def main() -> int:
    """Measure and print; 0 when every bound is met."""
    bounds: list[Bound] = []
    with sandbox("large", read_yaml(SETTINGS)) as up:
        print(f"{'explain':<24} {'wall s':>8} {'cpu s':>8} {'MiB':>6}  summary")
        for title, subject in ids(up):
            took = up.explain(subject)
            told = json.loads(took.out)["explanation"]
            print(
                f"{title:<24} {took.wall:>8.2f} {took.cpu:>8.2f} {took.rss_mib:>6.0f}  "
                f"{told['subject']['type']}: {told['summary'][:SHOWN]}",
                flush=True,
            )
            bounds += [
                Bound(f"explain {title}", took.wall, SECONDS_MAX, " s"),
                Bound(f"explain {title}: memory", took.rss_mib, RSS_MIB_MAX, " MiB"),
            ]
    for bound in bounds:
        print(bound)
    return 0 if all(bound.met for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
