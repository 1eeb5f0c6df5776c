# SPDX-License-Identifier: Apache-2.0
"""What Cinder has goes with the set that ordered it, and nothing that a tenant named like it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from day2.adapters.clock import SystemClock
from day2.adapters.openstack import clouds
from day2.adapters.openstack.clouds import OpenStackSettings
from day2.adapters.openstack.limits import LoadSettings
from day2.adapters.openstack.session import Session
from day2.adapters.openstack.volume_backups import VolumeBackups
from day2.adapters.vaults.plain import Plain
from day2.adapters.vaults.settings import PlainSettings
from day2.model.backup import Kind, Level, Told
from tests.scenarios.backup.test_kinds import Sandboxed
from tests.unit.backup.stand import HeldClock, record, take

pytestmark = pytest.mark.timeout(400)
POLICY = {"newest_min": 2, "grace_days": 0, "young_days": 0, "volumes_days": 7}
AGES = (45, 44, 43, 42, 41, 40, 2, 1)
CLOCK = SystemClock()


def cinder(there: Sandboxed, account: str) -> VolumeBackups:
    settings = OpenStackSettings(cloud=account, clouds_file=str(there.home.place() / "clouds.yaml"))
    credentials = clouds.find(settings, {})
    session = Session(credentials, limits=LoadSettings(), clock=CLOCK, lasting=True)
    return VolumeBackups(session, CLOCK)


def taken(there: Sandboxed, days: int) -> str:
    """Take a set as it would have been taken so many days ago."""
    now = datetime.now(UTC) - timedelta(days=days)
    settings = PlainSettings(
        path=str(there.place.vault),
        reserve_gib=0,
        recipients=[str(key.to_public()) for key in there.place.keys],
    )
    vault = Plain(settings, name="backup_vault", cloud="lost", clock=HeldClock(now), host="ctl1")
    name = f"volumes-{now:%Y%m%d-%H%M%S}-{days:04}"
    found = take(vault, name, kind=Kind.VOLUMES, content={"records": b"{}"})
    if days == AGES[-1]:
        vault.record(record(found, Told.VERIFIED, level=Level.RESTORED, at=now))
    return name


def ordered(api: VolumeBackups, volume: str, name: str) -> str:
    """Let Cinder back a volume up under the name of a set, and wait until it has."""
    assert api.create(volume, f"day2-{name}", "").ok
    made = api.named(f"day2-{name}", volume)
    assert made is not None
    while (now := api.backup(made.id)) is not None and now.status != "available":
        time.sleep(0.1)
    return made.id


def planned(there: Sandboxed) -> dict[str, Any]:
    name = there.place.plan("prune", "--wide")
    return there.place.run("plan", "show", name, "-f", "json").document


def done(there: Sandboxed, plan: dict[str, Any]) -> dict[str, Any]:
    assert there.place.run("plan", "approve", plan["id"]).code == 0
    ended = there.place.run("plan", "apply", plan["id"], "-f", "json")
    assert ended.code == 0, ended.stdout
    return ended.document


def test_backups_of_cinder_go_with_their_set_and_the_newest_of_a_volume_stays(
    tmp_path: Path,
) -> None:
    there = Sandboxed(tmp_path, policy=POLICY)
    try:
        sets = {days: taken(there, days) for days in AGES}
        api, theirs = cinder(there, "sandbox"), cinder(there, "member")
        ready = [v.id for v in api.volumes() if v.status in {"available", "in-use"}]
        mine = next(v.id for v in theirs.volumes() if v.status in {"available", "in-use"})
        one, other = [own for own in ready if own != mine][:2]
        old = ordered(api, one, sets[45])
        only = ordered(api, other, sets[44])
        new = ordered(api, one, sets[1])
        hostile = ordered(theirs, mine, sets[45])
        plan = planned(there)
        assert {step["action"] for step in plan["steps"]} == {"backup.condemn"}
        done(there, plan)
        plan = planned(there)
        drops = [s for s in plan["steps"] if s["action"] == "backup.volume-drop"]
        assert [(s["arguments"]["backup"], s["arguments"]["newer"]) for s in drops] == [(old, new)]
        assert "with 1 backup of Cinder" in plan["summary"]
        kept = {row["subject"]["id"]: row["why"] for row in plan["protected"]}
        assert kept[sets[44]] == f"it has the newest backup of volume {other}"
        run = done(there, plan)
        assert {s["outcome"] for s in run["steps"]} == {"done"}
        left = {row.id for row in api.rows()}
        assert {only, new, hostile} <= left
        assert old not in left
        assert sets[44] in there.place.sets()
        assert sets[45] not in there.place.sets()
    finally:
        there.home.run("sandbox", "down")
