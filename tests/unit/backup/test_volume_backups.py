# SPDX-License-Identifier: Apache-2.0
"""Volumes: selected by nobody's accident, backed up by Cinder, and their records kept."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.volume_backups import ExportedRecord, VolumeBackups
from day2.engine.action import Seen
from day2.errors import BadSettings, Denied, NotVerified
from day2.model.backup import Found, Kind
from day2.model.finding import Subject
from day2.model.outcome import Ending
from day2.model.plan import Step
from day2.model.tables.storage import Volume
from day2.operations.backup import work
from day2.operations.backup.actions.volume import DROP, NAME, BackUpVolume, DropBackup
from day2.operations.backup.selecting import selected
from day2.operations.backup.takers.volumes import VolumesTaker, decoded
from tests.scenarios.hosts.direct import Direct, Killed
from tests.scenarios.sandboxes import Home
from tests.unit.backup.bare_vault import BareVault, draft

CLOCK = SystemClock()


def volume(own: str, **fields: Any) -> Volume:
    return Volume(id=own, **{"status": "available", **fields})


VOLUMES = [
    volume("b", metadata={"backup": "daily"}),
    volume("a", metadata={"backup": "daily"}, volume_type="gold"),
    volume("c", metadata={"backup": "no"}, project_id="p"),
    volume("d"),
]


@pytest.mark.parametrize(
    ("selector", "ids"),
    [
        ([], []),
        (["metadata:backup=daily"], ["a", "b"]),
        (["type:gold"], ["a"]),
        (["project:p", "type:gold"], ["a", "c"]),
        (["metadata:other=daily"], []),
        (["metadata:backup="], []),
    ],
)
def test_only_what_was_asked_for_is_selected(selector: list[str], ids: list[str]) -> None:
    assert [one.id for one in selected(VOLUMES, selector)] == ids


@pytest.mark.parametrize("word", ["all", "metadata:backup", "type:", "metadata:=x", ""])
def test_a_word_that_means_nothing_is_refused(word: str) -> None:
    """Never everything, and never nothing without a word."""
    with pytest.raises(BadSettings, match="volumes_selector"):
        selected(VOLUMES, [word])


@pytest.mark.parametrize("url", ["", "%%%", base64.b64encode(b"[]").decode(), "e30="])
def test_a_record_that_names_no_backup_is_none(url: str) -> None:
    with pytest.raises(ValueError, match="it "):
        decoded(ExportedRecord(backup_service="s", backup_url=url))


class Cinder:
    """The sandbox's block storage, with the account of an administrator."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.file = home.place() / "clouds.yaml"

    def api(self, account: str = "sandbox") -> VolumeBackups:
        settings = OpenStackSettings(cloud=account, clouds_file=str(self.file))
        credentials = clouds.find(settings, {})
        session = Session(credentials, limits=LoadSettings(), clock=CLOCK, lasting=True)
        return VolumeBackups(session, CLOCK)

    def step(self, own: str, name: str = "day2-x") -> Step:
        return Step(
            n=1,
            action=NAME,
            subject=Subject(type="volume", id=own),
            why="",
            arguments={"name": name, "seconds_max": 60},
            undo="yes",
        )


@pytest.fixture
def cinder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cinder]:
    """Give each test its own: a project may have ten backups, and many tests leave one."""
    home = Home(tmp_path_factory.mktemp("cinder"))
    assert home.run("sandbox", "up").code == 0
    yield Cinder(home)
    home.run("sandbox", "down")


@pytest.fixture
def ready(cinder: Cinder) -> str:
    """Return a volume that can be backed up."""
    return next(v.id for v in cinder.api().volumes() if v.status in {"available", "in-use"})


def test_a_volume_is_backed_up_once(cinder: Cinder, ready: str) -> None:
    action = BackUpVolume(cinder.api)
    step = cinder.step(ready, "day2-once")
    assert action.look(step).already == ""
    result = action.perform(step, Direct(CLOCK))
    assert (result.ending, result.facts["status"]) == (Ending.DONE, "available")
    assert result.facts["backup"] in action.look(step).already
    assert sum(row["name"] == "day2-once" for row in cinder.api().all()) == 1


def test_what_was_made_is_taken_back(cinder: Cinder, ready: str) -> None:
    action, undo = BackUpVolume(cinder.api), DropBackup(cinder.api, lambda _name: "")
    step = cinder.step(ready, "day2-back")
    result = action.perform(step, Direct(CLOCK))
    back = action.undo(step, result.facts)
    assert back is not None
    assert undo.look(back).already == ""
    assert undo.perform(back, Direct(CLOCK)).ending is Ending.DONE
    assert undo.look(back).already
    assert all(row["name"] != "day2-back" for row in cinder.api().all())


def drop(backup: str, newer: str = "") -> Step:
    """Delete a backup with the set that it is of, as a plan of retention has it."""
    return Step(
        n=1,
        action=DROP,
        subject=Subject(type="backup-set", id="volumes-1"),
        why="",
        arguments={"backup": backup, "seconds_max": 60, "newer": newer},
        irreversible="yes",
    )


def test_a_backup_stays_when_its_set_is_needed_again(cinder: Cinder, ready: str) -> None:
    """Between plan and run somebody pinned the set, or what made it needless turned bad."""
    kept = {"volumes-1": "pinned"}
    action = DropBackup(cinder.api, lambda name: kept.get(name, ""))
    rows = []
    for name in ("day2-volumes-1", "day2-volumes-2"):
        made = BackUpVolume(cinder.api).perform(cinder.step(ready, name), Direct(CLOCK))
        rows.append(made.facts["backup"])
    step = drop(rows[0], newer=rows[1])
    result = action.perform(step, Direct(CLOCK))
    assert (result.ending, result.detail) == (Ending.SKIPPED, "its set is needed again: pinned")
    assert cinder.api().backup(rows[0]) is not None
    kept.clear()
    assert action.perform(step, Direct(CLOCK)).ending is Ending.DONE
    assert cinder.api().backup(rows[0]) is None


def test_the_last_backup_of_a_volume_goes_only_when_the_volume_is_proven_gone(
    cinder: Cinder, ready: str
) -> None:
    """A list that was short had it that the volume is gone; its own page says that it is there."""
    made = BackUpVolume(cinder.api).perform(cinder.step(ready, "day2-volumes-9"), Direct(CLOCK))
    own = made.facts["backup"]
    action = DropBackup(cinder.api, lambda _name: "")
    result = action.perform(drop(own), Direct(CLOCK))
    assert (result.ending, result.detail) == (
        Ending.SKIPPED, f"volume {ready} is there, and this is the last that is known of it"
    )  # fmt: skip
    assert cinder.api().backup(own) is not None


@pytest.mark.parametrize("way", ["kill_before", "kill_after"])
@pytest.mark.parametrize("call", range(3))
def test_a_kill_anywhere_makes_no_second_backup(
    cinder: Cinder, ready: str, way: str, call: int
) -> None:
    action = BackUpVolume(cinder.api)
    name = f"day2-{way}-{call}"
    step = cinder.step(ready, name)
    first = Direct(CLOCK, **{way: call})  # type: ignore[arg-type]
    with pytest.raises(Killed):
        action.perform(step, first)
    result = action.perform(step, Direct(CLOCK, given=first.records))
    assert result.ending is Ending.DONE, result.detail
    assert sum(row["name"] == name for row in cinder.api().all()) == 1


def test_a_volume_that_is_gone_is_told(cinder: Cinder) -> None:
    seen = BackUpVolume(cinder.api).look(cinder.step("11111111-2222-4333-8444-555555555555"))
    assert isinstance(seen, Seen)
    assert "not there" in seen.gone


def test_what_cinder_would_refuse_is_not_ordered(cinder: Cinder) -> None:
    broken = next((v for v in cinder.api().volumes() if v.status == "error"), None)
    assert broken is not None
    result = BackUpVolume(cinder.api).perform(cinder.step(broken.id, "day2-no"), Direct(CLOCK))
    assert result.ending is Ending.FAILED
    assert "its status is error" in result.detail
    assert all(row["name"] != "day2-no" for row in cinder.api().all())


def records(cinder: Cinder, vault: BareVault, name: str) -> Found:
    return work.take(
        vault, VolumesTaker(cinder.api), draft(Kind.VOLUMES, name), CLOCK, lambda _text: None
    )


def prove(cinder: Cinder, vault: BareVault, found: Found, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    return VolumesTaker(cinder.api).prove(vault, found, folder, lambda _text: None)


def test_records_are_kept_and_proven(cinder: Cinder, tmp_path: Path, ready: str) -> None:
    BackUpVolume(cinder.api).perform(cinder.step(ready, "day2-kept"), Direct(CLOCK))
    vault = BareVault(tmp_path / "vault")
    found = records(cinder, vault, "volumes-1")
    count = sum(row["status"] == "available" for row in cinder.api().all())
    assert found.manifest.source["records"] == count > 0
    assert prove(cinder, vault, found, tmp_path / "s") == {
        "records": count,
        "available": count,
        "gone": 0,
    }


def test_what_somebody_works_with_is_no_damage(cinder: Cinder, tmp_path: Path, ready: str) -> None:
    """A tenant restores from one backup (`restoring`) or deletes another, while a set is proven."""
    made = BackUpVolume(cinder.api).perform(cinder.step(ready, "day2-busy"), Direct(CLOCK))
    assert made.ending is Ending.DONE, made.detail
    vault = BareVault(tmp_path / "vault")
    found = records(cinder, vault, "volumes-1")
    assert cinder.api().delete(made.facts["backup"]).ok
    now = cinder.api().backup(made.facts["backup"])
    assert now is not None
    assert now.status == "deleting"
    told = prove(cinder, vault, found, tmp_path / "s")
    assert told["records"] == told["available"] + 1


def test_a_record_of_another_backup_is_found_out(cinder: Cinder, tmp_path: Path) -> None:
    vault = BareVault(tmp_path / "vault")
    with vault.write(draft(Kind.VOLUMES, "volumes-1")) as writer:
        told = base64.b64encode(json.dumps({"id": "b"}).encode()).decode()
        record = {"a": {"backup_service": "s", "backup_url": told}}
        with writer.sink("records", "records.json") as sink:
            sink.write(json.dumps(record).encode())
        found = writer.commit(source={"records": 1}, exits={})
    with pytest.raises(NotVerified, match="record of backup a is of b"):
        prove(cinder, vault, found, tmp_path / "s")


def test_records_are_told_to_administrators_only(cinder: Cinder) -> None:
    (own, *_more) = [str(row["id"]) for row in cinder.api("member").all()]
    with pytest.raises(Denied, match="export-import"):
        cinder.api("member").export(own)
