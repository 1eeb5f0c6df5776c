# SPDX-License-Identifier: Apache-2.0
"""`day2 sandbox …`: an embedded cloud to try things on."""

import argparse
from typing import TYPE_CHECKING, ClassVar

from day2.cli.document import Document, Produced, envelope

if TYPE_CHECKING:
    from day2.wiring.sandbox import Sandbox, Sandboxes

COLUMNS = ("name", "state", "scenario", "url", "cloud")


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--name", default="default", help="which sandbox (default: %(default)s, cloud `sandbox`)"
    )


class _Sandbox(Document):
    """Something about one sandbox."""

    codes: ClassVar[tuple[int, ...]] = (0, 2)

    def sandboxes(self) -> "Sandboxes":
        """Wire the sandboxes of this installation."""
        from day2.wiring.sandbox import Sandboxes

        return Sandboxes()


class Up(_Sandbox):
    """Start an embedded cloud and return when it answers.

    It listens on loopback only, lives in memory, and forgets everything when it ends. Every command
    of day2 works on it with `--cloud sandbox`, without settings; so does the openstack client.
    """

    codes = (0, 2, 20, 23)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        _name(parser)
        parser.add_argument(
            "--scenario",
            default="small",
            metavar="NAME",
            help="what is in it: small, healthy, outage, or a file ./NAME.yaml "
            "(default: %(default)s)",
        )
        parser.add_argument(
            "--port", type=int, default=0, metavar="N", help="port on loopback; 0: a free one"
        )

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Start it."""
        found = self.sandboxes().up(parsed.name, scenario=parsed.scenario, port=parsed.port)
        said = "is up" if found.fresh else "was up already"
        return _produced(found, f"sandbox {found.name} {said}\n{_usage(found)}")


class Down(_Sandbox):
    """End an embedded cloud; what was in it is gone."""

    codes = (0, 2, 23)

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        _name(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """End it."""
        found = self.sandboxes().down(parsed.name)
        said = {
            "up": "is down",
            "gone": "was gone already: its process had ended without `day2 sandbox down`",
            "down": "was down already",
        }
        return _produced(found, f"sandbox {found.name} {said[found.state]}\n")


class Show(_Sandbox):
    """Show one embedded cloud: its state, where it answers, and how to use it."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        _name(parser)

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """Show it."""
        found = self.sandboxes().show(parsed.name)
        return _produced(found, f"sandbox {found.name} is {_state(found)}\n{_usage(found)}")


class List(_Sandbox):
    """List the embedded clouds of this installation."""

    def produce(self, parsed: argparse.Namespace) -> Produced:
        """List them."""
        from day2.adapters.clock import SystemClock

        del parsed
        found = self.sandboxes().every()
        lines = [
            f"{one.name:<16} {_state(one)}{f'  {one.scenario}  {one.url}' if one.scenario else ''}"
            f"  --cloud {one.cloud}\n"
            for one in found
        ]
        return Produced(
            document=envelope("sandboxes", cloud="", at=SystemClock().now(), sandboxes=found),
            text="".join(lines) or "no sandbox; start one with: day2 sandbox up\n",
            columns=COLUMNS,
            rows=[_row(one) for one in found],
        )


def _state(found: "Sandbox") -> str:
    return {"gone": "gone (its process has ended)"}.get(found.state, found.state)


def _row(found: "Sandbox") -> tuple[str, ...]:
    return found.name, found.state, found.scenario, found.url, found.cloud


def _produced(found: "Sandbox", text: str) -> Produced:
    from day2.adapters.clock import SystemClock

    return Produced(
        document=envelope("sandbox", cloud=found.cloud, at=SystemClock().now(), sandbox=found),
        text=text,
        columns=COLUMNS,
        rows=[_row(found)],
    )


def _usage(found: "Sandbox") -> str:
    if found.state != "up":
        more = "" if found.name == "default" else f" --name {found.name}"
        return f"  start it:  day2 sandbox up{more}\n"
    return (
        f"  scenario:  {found.scenario}\n"
        f"  answers:   {found.url}\n"
        f"  day2:      day2 --cloud {found.cloud} round daily\n"
        f"  openstack: OS_CLIENT_CONFIG_FILE={found.folder}/clouds.yaml "
        f"openstack --os-cloud {found.cloud} server list --all-projects\n"
        f"  accounts:  {found.cloud} (admin), reader, member\n"
        f"  end it:    day2 sandbox down"
        f"{'' if found.name == 'default' else f' --name {found.name}'}\n"
    )
