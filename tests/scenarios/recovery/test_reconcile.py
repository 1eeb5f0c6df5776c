# SPDX-License-Identifier: Apache-2.0
"""`day2 recovery reconcile` on a sandbox, with what its hypervisors are said to have."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from day2.model.tables.compute import Server
from day2.wiring.sandbox import Sandboxes
from day2.wiring.site import Site
from tests.scenarios.sandboxes import Ended, Home

GHOST = "99999999-9999-9999-9999-999999999999"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path)
    assert found.run("sandbox", "up", "--scenario", "healthy").code == 0
    yield found
    found.run("sandbox", "down")


def tables(home: Home) -> tuple[list[Server], list[str]]:
    """Return the servers that are on a host, and the hosts."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home.folder), "DAY2_STATE": str(home.state)}
    settings = Sandboxes(environment).settings("sandbox")
    kinds = ("servers", "hypervisors")
    found = Site(settings, cloud="sandbox", environment=environment).survey(kinds).tables
    servers = [s for s in found.servers if s.host and s.status != "SHELVED_OFFLOADED"]
    return servers, [row.hypervisor_hostname for row in found.hypervisors]


def told(home: Home, lines: list[str]) -> Ended:
    """Compare, while the hypervisors say this."""
    file = home.folder / "guests"
    file.write_text("".join(f"{line}\n" for line in lines))
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(home.place() / "day2.yaml")
    settings["recovery_plan"] = {"guests_command": ["/bin/cat", str(file)]}
    mine = home.folder / "day2.yaml"
    with mine.open("w") as opened:
        yaml.dump(settings, opened)
    home.more["DAY2_CONFIG"] = str(mine)
    return home.run("--cloud", "sandbox", "recovery", "reconcile", "-f", "json")


def test_a_cloud_whose_guests_are_where_they_should_be_agrees(home: Home) -> None:
    servers, hosts = tables(home)
    lines = [*(f"{host} -" for host in hosts), *(f"{s.host} {s.id} running" for s in servers)]
    well = told(home, lines)
    assert well.code == 0, (well.out, well.err)
    assert well.document["findings"] == []
    assert well.document["compared"]["guests"] == len(servers)

    moved, lost = servers[:2]
    others = [host for host in hosts if host != moved.host]
    wrong = [line for line in lines if lost.id not in line]
    ended = told(home, [*wrong, f"{others[0]} {moved.id} running", f"{others[0]} {GHOST} stopped"])
    assert ended.code == 11
    assert set(ended.document["holds"]) == {
        f"recovery.guest.twice:server:{moved.id}",
        f"recovery.guest.nowhere:server:{lost.id}",
        f"recovery.guest.unknown:guest:{GHOST}",
    }
    # A hypervisor that nobody asked may have it.
    unread = told(home, [line for line in wrong if not line.startswith(f"{others[0]} ")])
    assert unread.code in {11, 12}
    assert [gap["kind"] for gap in unread.document["gaps"]] == ["guests"]


def test_hypervisors_that_nobody_asked_are_gaps_and_nothing_is_said_to_be_well(home: Home) -> None:
    """The hosts of a sandbox have no libvirt."""
    ended = home.run("--cloud", "sandbox", "recovery", "reconcile")
    assert ended.code == 12
    assert "nobody said which guests it has" in " ".join(ended.out.split())
    assert "No guest exists twice" not in ended.out
