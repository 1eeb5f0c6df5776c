# SPDX-License-Identifier: Apache-2.0
"""The formats of a document: text for people, JSON and YAML for machines."""

import argparse
from typing import TYPE_CHECKING, TextIO

from cliff.formatters import base

if TYPE_CHECKING:
    from day2.cli.document import Produced


class _Whole(base.Formatter):
    """A format that prints the whole document."""

    def add_argument_group(self, parser: argparse.ArgumentParser) -> None:
        """Add nothing: these formats have no options."""


class Text(_Whole):
    """Plain text for people."""

    def emit(self, produced: "Produced", stdout: TextIO) -> None:
        """Print it."""
        stdout.write(produced.text)


class Json(_Whole):
    """The whole document as JSON."""

    def emit(self, produced: "Produced", stdout: TextIO) -> None:
        """Print it, indented for people when they look."""
        import msgspec

        encoded = msgspec.json.format(msgspec.json.encode(produced.document), indent=2)
        stdout.write(encoded.decode() + "\n")


class Yaml(_Whole):
    """The whole document as YAML."""

    def emit(self, produced: "Produced", stdout: TextIO) -> None:
        """Print it."""
        from ruamel.yaml import YAML

        writer = YAML(typ="safe", pure=True)
        writer.default_flow_style = False
        writer.dump(produced.document, stdout)
