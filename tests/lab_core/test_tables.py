# SPDX-License-Identifier: Apache-2.0
"""What can be said about the lab without starting it."""

import stat
from pathlib import Path

import pytest

from lab import config, golden
from lab.age import KINDS
from lab.build import BUILDERS
from lab.facts import PORTS, Facts
from lab.passwords import NAMES, passwords
from lab.place import Place
from lab.services import INFRASTRUCTURE, OPENSTACK, infrastructure, openstack
from lab.world import HEALTHY, WORLD, rows


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    place = Place(lab_id=7, state=tmp_path / "state", cache=tmp_path / "cache")
    place.make_folders()
    drawn = passwords(place.state / "passwords.yml")
    return Facts(place=place, passwords=drawn, venv=tmp_path / "venv")


def test_names_of_processes_are_those_of_the_commands(facts: Facts) -> None:
    waves = openstack(facts)
    assert tuple(service.name for wave in waves for service in wave) == OPENSTACK
    assert tuple(service.name for service in infrastructure(facts)) == INFRASTRUCTURE


def test_ports_are_distinct() -> None:
    assert len(set(PORTS.values())) == len(PORTS)


def test_every_row_of_the_world_can_be_built() -> None:
    assert {row.kind for row in WORLD} <= set(BUILDERS)
    assert all(row.verdict == HEALTHY for row in WORLD)


def test_names_are_unique_within_a_kind() -> None:
    pairs = [(row.kind, row.name) for row in WORLD]
    assert len(set(pairs)) == len(pairs)


def test_every_server_status_that_matters_is_in_the_world() -> None:
    statuses = [row.spec["status"] for row in rows("server")]
    assert set(statuses) == {"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED_OFFLOADED"}
    assert statuses.count("ACTIVE") >= 8


def test_passwords_are_drawn_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "passwords.yml"
    first = passwords(file)
    assert passwords(file) == first
    assert set(first) == set(NAMES)
    assert len(set(first.values())) == len(NAMES)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_files_with_passwords_are_private(facts: Facts) -> None:
    config.write(facts)
    files = [file for file in facts.place.state.rglob("*") if file.is_file()]
    secret = facts.passwords["keystone_admin_password"]
    holders = [file for file in files if secret in file.read_text()]
    assert {file.name for file in holders} >= {"clouds.yaml", "admin-openrc.sh", "passwords.yml"}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in holders)


def test_ages_name_a_database_and_a_table() -> None:
    assert all(len(row.table.split(".")) == 2 for row in KINDS.values())


def test_golden_key_is_stable() -> None:
    assert golden.key() == golden.key()
