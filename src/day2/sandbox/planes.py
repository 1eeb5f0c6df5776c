# SPDX-License-Identifier: Apache-2.0
"""Everything of a sandbox that is not OpenStack's API: what it opens and writes, and settings."""

import socket
import ssl
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.sandbox import certificates
from day2.sandbox.hosts import folder as hosts
from day2.sandbox.scenario import Scenario

LOOPBACK = "127.0.0.1"


class Planes(msgspec.Struct, frozen=True, kw_only=True):
    """What was opened, and the sections of the settings that lead there."""

    tls: socket.socket
    context: ssl.SSLContext
    sections: dict[str, Any]


def make(folder: Path, scenario: Scenario, at: datetime) -> Planes:
    """Write the hosts and the certificate, open the ports."""
    context = certificates.write(folder, scenario, at)
    tls = _listening()
    sections = {
        **hosts.write(folder, scenario, at),
        "tls": {
            "addresses": [f"{LOOPBACK}:{tls.getsockname()[1]}"],
            "ca_file": str(folder / certificates.CA_FILE),
        },
    }
    return Planes(tls=tls, context=context, sections=sections)


def _listening() -> socket.socket:
    """Open a port that is free."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.bind((LOOPBACK, 0))
    return opened
