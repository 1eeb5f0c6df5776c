# SPDX-License-Identifier: Apache-2.0
"""Every configuration file of the lab, written anew at each start."""

from lab.config.clients import client_files
from lab.config.compute import compute_files
from lab.config.infrastructure import infrastructure_files
from lab.config.network import network_files
from lab.config.others import other_files
from lab.config.storage import storage_files
from lab.facts import Facts


def write(facts: Facts) -> None:
    """Write all files below `etc`, and the clients' files beside it, readable by the owner only."""
    programs = facts.place.etc / "bin"
    files = {
        **infrastructure_files(facts),
        **other_files(facts),
        **compute_files(facts),
        **network_files(facts),
        **storage_files(facts),
        **client_files(facts),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        if path.parent == programs:
            path.chmod(0o755)
