# SPDX-License-Identifier: Apache-2.0
"""What a text may mean that somebody wants explained: told by its form alone."""

import ipaddress
import re
from enum import StrEnum

TYPES = (
    "server",
    "port",
    "floating_ip",
    "volume",
    "image",
    "load_balancer",
    "host",
    "request",
    "text",
)
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_REQUEST = re.compile(r"req-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.IGNORECASE)


class Form(StrEnum):
    """What a text looks like."""

    REQUEST = "request"
    ID = "id"
    ADDRESS = "address"
    MAC = "mac"
    TEXT = "text"
    NAME = "name"


def form(text: str) -> Form:
    """Tell what a text looks like; a name is what is nothing else."""
    if _REQUEST.fullmatch(text):
        return Form.REQUEST
    if _UUID.fullmatch(text):
        return Form.ID
    if _MAC.fullmatch(text):
        return Form.MAC
    try:
        ipaddress.ip_address(text)
    except ValueError:
        # Names may hold blanks too; who asks finds them with `--type`, and by their ids.
        return Form.TEXT if len(text.split()) > 1 else Form.NAME
    return Form.ADDRESS


def requests_in(text: str) -> list[str]:
    """Return the request ids that a text names, each once, in order."""
    return list(dict.fromkeys(found.lower() for found in _REQUEST.findall(text)))
