# SPDX-License-Identifier: Apache-2.0
"""The formats of a document: text for people, JSON and YAML for machines."""

import argparse
import io
import re
from typing import TYPE_CHECKING, TextIO

from cliff.formatters import base

if TYPE_CHECKING:
    from day2.cli.document import Produced


# What steers a terminal, and JSON and YAML let stand: C1 controls, marks that turn text around.
_STEERING = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def _escaped(found: "re.Match[str]") -> str:
    return f"\\u{ord(found[0]):04x}"


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
        stdout.write(_STEERING.sub(_escaped, encoded.decode()) + "\n")


class Yaml(_Whole):
    """The whole document as YAML."""

    def emit(self, produced: "Produced", stdout: TextIO) -> None:
        """Print it."""
        from ruamel.yaml import YAML

        text = io.StringIO()
        writer = YAML(typ="safe", pure=True)
        writer.default_flow_style = False
        writer.dump(produced.document, text)
        if _STEERING.search(text.getvalue()):
            # YAML knows escapes in double quotes only: all that is not ASCII is written so then.
            text = io.StringIO()
            writer.allow_unicode = False
            writer.dump(produced.document, text)
        stdout.write(text.getvalue())
