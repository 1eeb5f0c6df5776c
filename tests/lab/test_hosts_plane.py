# SPDX-License-Identifier: Apache-2.0
"""Hosts and containers over real SSH, Ansible and Docker: each fault found, and nothing else."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.kolla.passwords import Passwords
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.kolla.virtualenv import Virtualenv
from day2.adapters.openstack.limits import LoadSettings
from day2.errors import BadSettings
from day2.model.finding import Finding
from day2.model.severity import Severity
from day2.model.survey import Survey
from day2.operations.health.check import Facts
from day2.operations.health.fold import fold
from day2.operations.health.policy import HealthPolicy
from day2.operations.health.rules import containers, hosts, missing
from day2.settings import Settings
from day2.survey import read
from day2.survey.hosts import KINDS, HostsReader
from day2.survey.read import SurveySettings
from day2.wiring.sections import SCHEMA
from day2.wiring.site import Site
from lab.parts.nodes import Nodes
from lab.parts.nodes_ansible import ansible
from lab.place import Place
from lab.processes import wait_for

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
CHECKS = (*hosts.CHECKS, *containers.CHECKS, *missing.CHECKS)
# A container that was just made again may be young; a failed health check may be one moment.
SECONDS_MAX = 50
POLICY = HealthPolicy(container_grace_seconds=0, container_failing_checks=3)


def mend(nodes: Nodes) -> None:
    """Undo every fault; a machine under load may need a second attempt."""
    try:
        nodes.restore()
    except TimeoutError:
        nodes.restore()


def site(inventory: Path, virtualenv: Path, **kolla: Any) -> Site:
    section = {"inventory": str(inventory), "virtualenv": str(virtualenv), **kolla}
    return Site(Settings(schema=SCHEMA, tree={"clouds": {"lab": {"kolla": section}}}))


def look(at: Site) -> Survey:
    return read.read(
        HostsReader(lambda: at.hosts).jobs(KINDS),
        cloud="lab",
        region="",
        clock=SystemClock(),
        load=LoadSettings(),
        settings=SurveySettings(),
    )


def grave(survey: Survey, *history: Survey) -> dict[str, Finding]:
    facts = Facts(survey=survey, policy=POLICY, now=survey.ended_at, history=list(history))
    top, _folded = fold(f for check in CHECKS for f in check.run(facts))
    return {f.key: f for f in top if f.severity in {Severity.WARNING, Severity.CRITICAL}}


def until(at: Site, expected: set[str], *history: Survey) -> Survey:
    """Look until the findings are these: health checks and restarts take their time."""
    last: list[Survey] = []

    def seen() -> bool:
        last[:] = [look(at)]
        return set(grave(last[0], *history)) == expected

    try:
        wait_for(seen, "the findings", seconds=90, every=3)
    except (RuntimeError, TimeoutError):
        assert set(grave(last[0], *history)) == expected
    return last[0]


@pytest.fixture
def well(nodes: Nodes, place: Place) -> tuple[Site, Survey]:
    mend(nodes)
    at = site(nodes.inventory, ansible(place).parent)
    survey = until(at, set())
    assert survey.gaps == []
    return at, survey


def test_three_hosts_and_all_of_their_containers_are_read(
    nodes: Nodes, well: tuple[Site, Survey]
) -> None:
    _at, survey = well
    seen = {(c.host, c.name) for c in survey.tables.containers}
    there = {(host, name) for host in nodes.hosts for name in nodes.containers(host)}
    assert seen == there
    assert {h.name: h.address for h in survey.tables.hosts} == nodes.hosts
    assert all(h.hostname == h.name and h.engine == "docker" for h in survey.tables.hosts)
    assert all(abs(h.clock_offset_seconds or 9) < 5 for h in survey.tables.hosts)
    assert "nova-compute" not in str(survey.tables.hosts[0].mounts)


def test_every_fault_is_one_finding_and_goes_with_it(
    nodes: Nodes, well: tuple[Site, Survey]
) -> None:
    at, before = well
    nodes.stop_container("control01", "nova_scheduler")
    nodes.stop_container("compute01", "nova_compute")
    nodes.remove_container("compute02", "nova_ssh")
    nodes.crash_loop("control01", "cinder_volume")
    nodes.unhealthy("control01", "neutron_server")
    nodes.other_image("compute02", "nova_libvirt")
    nodes.fill_disk("compute02", 97)
    expected = {
        "container.stopped:container:control01/nova_scheduler",
        "container.stopped:container:compute01/nova_compute",
        "container.missing:container:compute02/nova_ssh",
        "container.restarting:container:control01/cinder_volume",
        "container.unhealthy:container:control01/neutron_server",
        "container.image.differs:host:compute02",
        "host.disk.full:host:compute02:/var/log/kolla",
    }
    survey = until(at, expected, before)
    assert survey.gaps == []
    mend(nodes)
    assert until(at, set(), survey, before).gaps == []


def test_a_clock_is_measured_and_a_stopped_engine_is_a_gap(
    nodes: Nodes, well: tuple[Site, Survey]
) -> None:
    at, before = well
    nodes.set_time_offset("compute01", -300)
    nodes.stop_unit("compute02", "docker")
    survey = look(at)
    assert set(grave(survey, before)) == {"host.clock.offset:host:compute01"}
    offset = next(h for h in survey.tables.hosts if h.name == "compute01").clock_offset_seconds
    assert offset == pytest.approx(-300, abs=10)
    assert [(gap.kind, gap.what, gap.hint) for gap in survey.gaps] == [
        ("containers", "containers of compute02", "on compute02: systemctl status docker")
    ]


def test_hosts_out_of_reach_are_findings_and_their_containers_gaps(
    nodes: Nodes, well: tuple[Site, Survey]
) -> None:
    at, before = well
    nodes.stop_unit("control01", "ssh")
    nodes.freeze_node("compute01")
    nodes.stop_node("compute02")
    survey = look(at)
    assert set(grave(survey, before)) == {f"host.unreachable:host:{host}" for host in nodes.hosts}
    assert [(gap.kind, gap.what) for gap in survey.gaps] == [
        ("containers", f"containers of {host}") for host in sorted(nodes.hosts)
    ]
    assert (survey.ended_at - survey.started_at).total_seconds() < SECONDS_MAX


def test_a_user_without_the_right_says_so(
    nodes: Nodes, well: tuple[Site, Survey], place: Place, tmp_path: Path
) -> None:
    text = nodes.inventory.read_text().replace("ansible_user=root", "ansible_user=day2")
    (tmp_path / "inventory").write_text(text)
    nodes.exec("compute01", ["gpasswd", "--delete", "day2", "docker"])
    # Ansible's connection that is kept open still has the group.
    nodes.exec("compute01", ["systemctl", "restart", "ssh"])
    nodes.exec("compute01", ["sh", "-c", "pkill -u day2 sshd || true"])
    try:
        survey = look(site(tmp_path / "inventory", ansible(place).parent))
        assert [(gap.error, gap.message) for gap in survey.gaps] == [
            (
                "Denied",
                "containers of compute01 not readable: the Ansible user is not in group docker",
            )
        ]
        assert all(host.reachable for host in survey.tables.hosts)
        whole = look(site(tmp_path / "inventory", ansible(place).parent, become=True))
        assert whole.gaps == []
        assert len(whole.tables.containers) == len(well[1].tables.containers)
    finally:
        nodes.exec("compute01", ["gpasswd", "--add", "day2", "docker"])


def test_the_real_ansible_vault_opens_both_kinds(
    nodes: Nodes, place: Place, tmp_path: Path
) -> None:
    del nodes
    tools = ansible(place)
    (tmp_path / "key").write_text("the vault's own password\n")
    given = ["--vault-password-file", str(tmp_path / "key")]

    def vault(*words: str, text: str) -> str:
        return subprocess.run(
            [str(tools / "ansible-vault"), *words, *given],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    hidden = vault("encrypt_string", "--stdin-name", "database_password", text="h1dden:'\"{}")
    (tmp_path / "mixed.yml").write_text(f"open: o\n{hidden}")
    whole = vault("encrypt", "--output", "-", text="database_password: wh0le\n")
    (tmp_path / "whole.yml").write_text(whole)
    virtualenv = Virtualenv(str(tools.parent), {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})

    def opened(name: str, key: str = str(tmp_path / "key")) -> str:
        settings = KollaSettings(passwords_file=str(tmp_path / name), vault_password_file=key)
        return Passwords(settings, virtualenv).get("database_password")

    assert opened("mixed.yml") == "h1dden:'\"{}"
    assert opened("whole.yml") == "wh0le"
    (tmp_path / "wrong").write_text("another\n")
    with pytest.raises(BadSettings, match="cannot decrypt"):
        opened("whole.yml", str(tmp_path / "wrong"))
