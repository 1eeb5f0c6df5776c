# SPDX-License-Identifier: Apache-2.0
"""`python -m lab`: the lab from the command line; `$LAB_ID` says which one."""

import argparse
import json
import logging
import os
import sys

from lab.cloud import Cloud
from lab.packages import BACKUPS, PROGRAMS, install_packages
from lab.place import place
from lab.world import WORLD


def main() -> int:
    """Run one command; 0 when done (`status`: when ready)."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "down": "stop the cloud, keep its data",
        "status": "say what runs and what is missing",
        "world": "list what lives in the cloud, with the verdict on each",
        "packages": "install the Debian packages that the tests need",
        "paths": "print files, ports and hosts as JSON",
    }.items():
        commands.add_parser(name, help=text)
    up = commands.add_parser("up", help="start the cloud, set it up when it is new")
    up.add_argument("--new", action="store_true", help="throw away what an earlier run left")
    for name, text in {
        "services": "open or close what uses the databases",
        "database": "start or stop the main database server alone",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("what", choices=("start", "stop"), help="what is done")
    restore = commands.add_parser("restore", help="start again what was killed")
    restore.add_argument("--data", action="store_true", help="also put the golden data back")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    cloud = Cloud(place(int(os.environ.get("LAB_ID") or 0)))
    match arguments.command:
        case "up":
            cloud.up(new=arguments.new)
        case "down":
            cloud.down()
        case "restore":
            cloud.restore(data=arguments.data)
        case "services":
            (cloud.open_services if arguments.what == "start" else cloud.close_services)()
        case "database":
            (cloud.start_database if arguments.what == "start" else cloud.stop_database)()
        case "packages":
            install_packages({**PROGRAMS, **BACKUPS})
        case "paths":
            print(json.dumps(cloud.describe(), indent=2))
        case "world":
            print_world()
        case _:
            return print_status(cloud)
    return 0


def print_status(cloud: Cloud) -> int:
    """Print every process and every reason for not being ready."""
    for name in cloud.process_names():
        print(f"{cloud.processes.pid(name) or '-':>8}  {name}")
    reasons = cloud.missing()
    print("\n".join(reasons) if reasons else "ready")
    return 1 if reasons else 0


def print_world() -> None:
    """Print the declarative table."""
    for row in WORLD:
        spec = ", ".join(f"{name}={value}" for name, value in row.spec.items())
        print(f"{row.verdict:8}  {row.kind:22}  {row.project:7}  {row.name:16}  {spec}")


if __name__ == "__main__":
    sys.exit(main())
