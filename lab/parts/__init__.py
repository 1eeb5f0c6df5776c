# SPDX-License-Identifier: Apache-2.0
"""Parts of the lab that tests ask for by name; each file has one class with the same five methods.

A part is a class with `name: str` and, taking a `lab.place.Place`:

- `up()`: bring it up, idempotent, return when the service itself says that it is ready;
- `down()`: end everything that `up` started;
- `ready() -> bool`: ask the service;
- `restore()`: undo what a test broke (start what was killed), return when `ready()`;
- `describe() -> dict[str, object]`: addresses, ports, users, files: for tests and settings.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol, TypeVar

from lab.place import Place


class Started(Protocol):
    """What is started for a block, and ended."""

    def up(self) -> None:
        """Bring it up."""

    def down(self) -> None:
        """End everything that `up` started."""


class Part(Started, Protocol):
    """What every part can do."""

    name: str

    def ready(self) -> bool:
        """Ask the service."""

    def restore(self) -> None:
        """Undo what a test broke."""

    def describe(self) -> dict[str, object]:
        """Return addresses, ports, users, files."""


Kind = TypeVar("Kind", bound=Started)

PARTS = {
    "ceph": "lab.parts.ceph:Ceph",
    "galera": "lab.parts.galera:Galera",
    "nodes": "lab.parts.nodes:Nodes",
    "prometheus": "lab.parts.prometheus:Prometheus",
    "rabbitmq3": "lab.parts.rabbitmq3:RabbitMQ3",
    "tls": "lab.parts.tls:Tls",
}


def part(name: str, place: Place) -> Part:
    """Make a part by its name; its module is imported only now."""
    module, _, kind = PARTS[name].partition(":")
    made: Part = getattr(import_module(module), kind)(place)
    return made


@contextmanager
def running(part: Kind) -> Iterator[Kind]:
    """Bring a part up for a block, and end all of it afterwards, whatever was broken meanwhile."""
    try:
        part.up()
        yield part
    finally:
        part.down()
