# SPDX-License-Identifier: Apache-2.0
"""Ids, addresses and hashes that are the same whenever the same world is built."""

import hashlib
import uuid

_SPACE = uuid.UUID("6f1f1d0a-7d2b-5c53-9a5a-0d2c1b7e4f10")


def uuid_of(*words: object) -> str:
    """Return the UUID of a thing by its kind and name."""
    return str(uuid.uuid5(_SPACE, "/".join(str(word) for word in words)))


def hex_of(*words: object) -> str:
    """Return the id of an identity object: a UUID without dashes."""
    return uuid_of(*words).replace("-", "")


def mac_of(port_id: str) -> str:
    """Return the MAC address of a port, with Neutron's prefix."""
    return f"fa:16:3e:{port_id[0:2]}:{port_id[2:4]}:{port_id[4:6]}"


def host_id(project_id: str, host: str | None) -> str:
    """Return Nova's `hostId`: the host, hidden from its tenant; empty without a host."""
    if not host:
        return ""
    return hashlib.sha224(f"{project_id}{host}".encode(), usedforsecurity=False).hexdigest()
