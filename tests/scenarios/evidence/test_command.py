# SPDX-License-Identifier: Apache-2.0
"""The real `day2 evidence` over sandboxes: every section, the pack, its proof."""

import gzip
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.evidence.patience import wait_longer
from tests.scenarios.sandboxes import Home

SECTIONS = [
    *("findings", "changes", "containers", "apis", "services", "database", "bus", "alerts"),
    *("certificates", "clocks", "hosts", "ceph", "vip", "keys", "logs", "configuration"),
    *("images", "runs"),
]
SAID = {"read", "partial", "not read"}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Home]]:
    found: dict[str, Home] = {}
    for name in ("small", "outage"):
        found[name] = Home(tmp_path_factory.mktemp(name))
        up = found[name].run("sandbox", "up", "--scenario", name)
        assert up.code == 0, up.err
        wait_longer(found[name])
    yield found
    for home in found.values():
        home.run("sandbox", "down")


def collect(home: Home, *words: str) -> dict[str, Any]:
    ended = home.run("--cloud", "sandbox", "evidence", "collect", "-f", "json", *words)
    assert ended.code in {0, 12}, ended.err
    return ended.document


def sections(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in document["sections"]}


def test_every_section_is_read_or_says_why_not(homes: dict[str, Home]) -> None:
    for home in homes.values():
        document = collect(home)
        assert [one["name"] for one in document["sections"]] == SECTIONS
        for one in document["sections"]:
            assert one["state"] in SAID
            assert (one["state"] == "read") is (one["why"] == []), one
            assert one["state"] != "read" or one["content"], one["name"]


def test_a_well_connected_cloud_is_read_whole(homes: dict[str, Home]) -> None:
    found = sections(collect(homes["small"]))
    unread = {name: one["why"] for name, one in found.items() if one["state"] != "read"}
    assert set(unread) == {"changes", "database", "ceph"}
    assert not any(found[name]["configured"] for name in unread)


def test_a_bad_night_is_told_with_its_scope_first(homes: dict[str, Home]) -> None:
    home = homes["outage"]
    document = collect(home)
    assert document["schema"] == "day2.evidence/1"
    assert "1 of 3 controllers" in document["scope"]
    assert ", since " in document["scope"]
    found = sections(document)
    containers = found["containers"]
    assert containers["state"] == "partial"
    assert any("control01 cannot be reached" in why for why in containers["why"])
    odd = {(row["host"], row["name"]): row["why"] for row in containers["content"]["rows"]}
    assert odd["compute03", "neutron_openvswitch_agent"] == ["exited"]
    sources = {
        (tail["host"], tail["container"], tail["source"])
        for tail in containers["content"]["last_lines"]
    }
    assert ("compute03", "neutron_openvswitch_agent", "printed") in sources
    # The first controller is dead: the address has moved.
    (vip,) = found["vip"]["content"]["addresses"]
    assert vip["hosts"] == ["control02"]
    marks = found["keys"]["content"]["marks"]
    assert set(marks) == {"control02", "control03"}
    assert marks["control02"] == marks["control03"]
    assert document["suspects"][0]["subjects"][0]["id"] in {"control01", "compute02"}


def test_the_text_fits_a_terminal_and_begins_with_the_scope(homes: dict[str, Home]) -> None:
    home = homes["outage"]
    ended = home.run("--cloud", "sandbox", "evidence", "collect")
    assert ended.code == 12
    lines = ended.out.splitlines()
    assert max(len(line) for line in lines if "/" not in line and "sha256" not in line) <= 80
    assert "controllers" in " ".join(lines[:3])
    for name in SECTIONS:
        assert any(line.strip().startswith(f"{name} ") for line in lines), name
    assert "Likely causes" in ended.out


def test_the_pack_is_private_proven_and_always_the_same(
    homes: dict[str, Home], tmp_path: Path
) -> None:
    home = homes["small"]
    document = collect(home, "--output", str(tmp_path / "packs"))
    file = Path(document["file"])
    assert file.stat().st_mode & 0o777 == 0o600
    folder = file.parent / file.name.removesuffix(".tar.gz")
    assert folder.stat().st_mode & 0o777 == 0o700
    for place in folder.rglob("*"):
        assert place.stat().st_mode & 0o077 == 0, place
    with tarfile.open(file) as archive:
        members = [entry.name.partition("/")[2] for entry in archive]
        assert members[0] == "MANIFEST.json"
        assert members[1:] == sorted(members[1:])
        assert {entry.uid for entry in archive} == {0}
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert set(members) == there
    page = (folder / "README.md").read_text()
    assert page.startswith(document["scope"])
    for shown in (file, folder):
        ended = home.run("evidence", "show", str(shown))
        assert ended.code == 0, ended.err
        assert ended.out.startswith(f"All {len(members) - 1} files are as they were collected")
        for one in document["sections"]:
            assert one["title"].split()[0] in ended.out


def test_globals_that_cannot_be_read_do_not_keep_the_hosts_from_being_asked(
    homes: dict[str, Home],
) -> None:
    home = homes["small"]
    file = home.place() / "kolla" / "globals.yml"
    whole = file.read_bytes()
    file.write_text("kolla_internal_vip_address: [\n")
    try:
        found = sections(collect(home))
    finally:
        file.write_bytes(whole)
    assert found["containers"]["state"] == "read", found["containers"]["why"]
    assert found["vip"]["state"] == "not read"
    assert "globals.yml is not YAML" in found["vip"]["why"][0]


def test_what_was_changed_afterwards_is_told(homes: dict[str, Home], tmp_path: Path) -> None:
    home = homes["small"]
    file = Path(collect(home, "--output", str(tmp_path))["file"])
    folder = file.parent / file.name.removesuffix(".tar.gz")
    page = folder / "README.md"
    page.write_text(page.read_text().replace("Nothing was changed", "Much was changed"))
    (folder / "added.txt").write_text("x")
    (folder / "sections" / "02-changes.json").unlink()
    ended = home.run("evidence", "show", str(folder))
    assert ended.code == 26
    for said in ("README.md is not what", "02-changes.json is missing", "added.txt was added"):
        assert said in ended.err
    data = bytearray(gzip.decompress(file.read_bytes()))
    at = data.index(b"Nothing was changed")
    data[at : at + 7] = b"Plainly"
    file.write_bytes(gzip.compress(bytes(data)))
    assert home.run("evidence", "show", str(file)).code == 26
    (tmp_path / "none.tar.gz").write_bytes(b"no pack")
    assert home.run("evidence", "show", str(tmp_path / "none.tar.gz")).code == 2


def test_with_keystone_dead_the_last_round_and_the_hosts_carry_it(homes: dict[str, Home]) -> None:
    home = homes["small"]
    kept = home.run("--cloud", "sandbox", "round", "daily", "-f", "json")
    assert kept.code in {10, 11, 12}, kept.err
    home.control("PUT", "faults", {"rules": [{"kind": "reset", "service": "identity"}]})
    try:
        document = collect(home)
    finally:
        home.control("PUT", "faults", {"rules": []})
    found = sections(document)
    services = found["services"]
    assert services["state"] == "not read"
    assert services["known_at"]
    assert len(services["content"]["compute_services_last_known"]["rows"]) >= 6
    assert any("last known" in line for line in services["lines"])
    for name in ("containers", "bus", "logs", "vip", "keys", "hosts", "clocks", "images"):
        assert found[name]["state"] == "read", (name, found[name]["why"])
    assert document["suspects"][0]["planes"] == ["identity"]


def test_what_changed_since_the_last_round_is_told(homes: dict[str, Home]) -> None:
    home = homes["small"]
    home.run("--cloud", "sandbox", "round", "daily")
    home.control("POST", "revive", {"host": "control02"})
    found = sections(collect(home))["changes"]
    assert found["state"] == "read", found
    assert found["content"]["round"] >= 1


def test_a_configuration_that_changed_is_told_by_hash_only(homes: dict[str, Home]) -> None:
    home = homes["small"]
    etc = home.place() / "kolla" / "hosts" / "control01" / "etc" / "kolla" / "nova-api"
    assert (etc / "config.json").exists()
    (etc / "nova.conf").write_text("[DEFAULT]\nvery_telling_option = 12345\n")
    (etc / "old.conf").write_text("old\n")
    os.utime(etc / "old.conf", (1_600_000_000, 1_600_000_000))
    document = collect(home)
    section = sections(document)["configuration"]
    rows = {
        Path(r["path"]).name: r for r in section["content"]["files"] if r["host"] == "control01"
    }
    assert len(rows["nova.conf"]["sha256"]) == 64
    assert rows["nova.conf"]["since"]
    assert [r["path"] for r in rows.values() if r["since"]] == ["etc/kolla/nova-api/nova.conf"]
    assert "very_telling_option" not in json.dumps(document)
    local = {Path(r["path"]).name: r for r in section["content"]["files"] if "deploy" in r["host"]}
    assert "sha256" not in local["passwords.yml"] or not local["passwords.yml"]["sha256"]
    assert len(local["passwords.yml"]["salted"]) == 12
