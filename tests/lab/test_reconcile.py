# SPDX-License-Identifier: Apache-2.0
"""Stores that do not agree, planted in their own databases: each is found, and nothing else is."""

import time
from pathlib import Path

import pytest

from lab.cloud import Cloud
from lab.facts import COMPUTES
from lab.place import Place
from tests.conftest import unfinished
from tests.lab.orphans import FORGOTTEN, GHOST, identifier, planted
from tests.lab.program import Program, grave

SERVERS = ("web01", "web02", "app02", "shop02", "db01", "bfv01")
VOLUMES = ("db01-data", "db01-wal", "bfv01-root")


def program_of(cloud: Cloud, folder: Path, guests: Path) -> Program:
    listing = ["sh", "-c", f"cat {guests}/*"]
    return Program(
        cloud,
        folder,
        recovery_plan={"guests_command": listing},
        # The golden data may be made just before.
        health={"settle_minutes": 0},
    )


def test_each_disagreement_is_found_and_guests_hold_compute_closed(
    cloud: Cloud, place: Place, hypervisors: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    program = program_of(cloud, tmp_path, hypervisors)
    server = {name: identifier(cloud, "nova.instances", name) for name in SERVERS}
    volume = {name: identifier(cloud, "cinder.volumes", name) for name in VOLUMES}
    image = identifier(cloud, "glance.images", "acme-golden")
    with unfinished(place, request.session), planted(cloud, server, volume, image):
        time.sleep(1.5)  # The hypervisors say every half second what they have.
        ended = program.run("recovery", "reconcile", "-f", "json")
        text = program.run("recovery", "reconcile", "--nagios")
    assert ended.code == 11, ended.stderr
    found = grave(ended.document)
    critical = {
        f"recovery.guest.twice:server:{server['web01']}",
        f"recovery.guest.nowhere:server:{server['web02']}",
        f"recovery.guest.elsewhere:server:{server['app02']}",
        f"recovery.guest.unknown:guest:{GHOST}",
    }
    warnings = {
        f"placement.allocation.orphan:consumer:{GHOST}",
        f"placement.allocation.orphan:consumer:{FORGOTTEN}",
        f"placement.allocation.missing:server:{server['web01']}",
        f"recovery.port.no_server:port:{_port(found)}",
        f"server.port.missing:server:{server['shop02']}",
        f"recovery.attachment.cinder_only:volume:{volume['db01-wal']}:{server['db01']}",
        f"recovery.attachment.nova_only:volume:{volume['db01-data']}:{server['db01']}",
        f"recovery.attachment.no_volume:server:{server['bfv01']}:{volume['bfv01-root']}",
        f"recovery.image.no_data:image:{image}",
    }
    assert {key for key, one in found.items() if one["severity"] == "critical"} == critical
    assert {key for key, one in found.items() if one["severity"] == "warning"} == warnings
    assert set(ended.document["holds"]) == critical
    assert ended.document["gaps"] == []
    assert ended.document["compared"]["hypervisors"] == len(COMPUTES)
    assert text.code == 2
    assert "COMPUTE STAYS CLOSED: 4 guests" in " ".join(text.stdout.split())


def test_the_untouched_lab_agrees_with_itself(
    cloud: Cloud, hypervisors: Path, tmp_path: Path
) -> None:
    ended = program_of(cloud, tmp_path, hypervisors).run("recovery", "reconcile", "-f", "json")
    assert (ended.code, ended.document["findings"], ended.document["holds"]) == (0, [], [])


def _port(found: dict[str, dict[str, object]]) -> str:
    keys = [key for key in found if key.startswith("recovery.port.no_server:")]
    return keys[0].rpartition(":")[2] if keys else "not found"
