# SPDX-License-Identifier: Apache-2.0
"""What is kept and why, who can open it, and what a round says: whole commands on a real vault."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest
from ruamel.yaml import YAML

from day2.adapters.vaults.plain import Plain
from day2.adapters.vaults.settings import PlainSettings
from day2.model.backup import Level, Told
from tests.scenarios.backup.place import Place, private
from tests.scenarios.backup.test_kinds import Sandboxed, there
from tests.unit.backup.stand import HeldClock, record, take

__all__ = ["there"]
pytestmark = pytest.mark.timeout(400)
POLICY = {"kinds": ["config"], "config_days": 7, "newest_min": 2, "young_days": 0, "grace_days": 0}
AGES = (40, 39, 38, 37, 20, 5, 2, 1)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, backup=POLICY)


def taken(place: Place, days: float) -> str:
    """Take a set as it would have been taken so many days ago."""
    now = datetime.now(UTC) - timedelta(days=days)
    settings = PlainSettings(
        path=str(place.vault),
        reserve_gib=0,
        recipients=[str(key.to_public()) for key in place.keys],
    )
    vault = Plain(settings, name="backup_vault", cloud="lost", clock=HeldClock(now), host="ctl1")
    name = f"config-{now:%Y%m%d-%H%M%S}-{days:04.0f}"
    found = take(vault, name, content={"tree": os.urandom(2000)})
    if days == 37:
        vault.record(record(found, Told.VERIFIED, level=Level.RESTORED, at=now))
    return name


def test_prune_keeps_what_is_needed_says_why_and_removes_the_rest_in_two_steps(
    place: Place,
) -> None:
    sets = {days: taken(place, days) for days in AGES}
    pinned = place.run("backup", "pin", sets[38], "--reason", "before the upgrade", "-f", "json")
    assert (pinned.code, pinned.document["pinned"]) == (0, True), pinned.stderr
    name = place.plan("prune")
    plan = place.run("plan", "show", name, "-f", "json").document
    assert [step["subject"]["id"] for step in plan["steps"]] == [sets[40], sets[39]]
    assert {step["action"] for step in plan["steps"]} == {"backup.condemn"}
    kept = {one["subject"]["id"]: one["why"] for one in plan["protected"]}
    assert set(kept) == {sets[days] for days in AGES[2:]}
    assert "pinned" in kept[sets[38]]
    assert "restore" in kept[sets[37]] or "proven" in kept[sets[37]]
    assert kept[sets[20]], "the newest one before the window"
    done = place.run("plan", "apply", name, "--yes", "-f", "json")
    assert (done.code, done.document["state"]) == (0, "done"), done.document
    states = {one["id"]: one["state"] for one in place.sets().values()}
    assert {n for n, state in states.items() if state == "condemned"} == {sets[40], sets[39]}
    assert (place.vault / "lost" / sets[40] / "manifest.json").exists()
    # The second step cannot be taken back: it wants an approval of its own.
    name = place.plan("prune")
    plan = place.run("plan", "show", name, "-f", "json").document
    removed = [s["subject"]["id"] for s in plan["steps"] if s["action"] == "backup.remove"]
    assert removed == [sets[40], sets[39]]
    assert place.run("plan", "apply", name, "--yes").code == 2
    assert place.run("plan", "approve", name).code == 0
    # Somebody wants one of them after all.
    assert place.run("backup", "pin", sets[39], "--reason", "evidence").code == 0
    done = place.run("plan", "apply", name, "-f", "json")
    outcomes = {s["subject"]["id"]: s["outcome"] for s in done.document["steps"]}
    assert outcomes[sets[40]] == "done", done.document
    assert outcomes[sets[39]] != "done"
    assert set(place.sets()) == set(sets.values()) - {sets[40]}
    assert not list((place.vault / "lost").glob(f"*{sets[40]}*"))
    freed = place.run("backup", "pin", sets[38], "--reason", "done", "--remove", "-f", "json")
    assert freed.document["pinned"] is False
    plan = place.run("backup", "prune", "--plan-only", "-f", "json").document
    assert {s["subject"]["id"]: s["action"] for s in plan["steps"]} == {
        sets[38]: "backup.condemn",
        sets[39]: "backup.spare",
    }


def test_keys_are_proven_made_and_replaced(place: Place, tmp_path: Path) -> None:
    first, second = (str(key.to_public()) for key in place.keys)
    told = place.run("backup", "key", "-f", "json").document
    assert told["keys"] == [
        {"public": first, "opened": True},
        {"public": second, "opened": False},
    ]
    old = taken(place, 1)
    file = tmp_path / "new.key"
    made = place.run("backup", "key", "--new", str(file), "-f", "json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert place.run("backup", "key", "--new", str(file)).code == 2
    secret = file.read_text().splitlines()[-1]
    assert secret not in made.stdout + made.stderr
    yaml = YAML(typ="safe", pure=True)
    settings = yaml.load(place.settings.read_text())
    vault = settings["clouds"]["lost"]["backup_vault"]
    vault |= {"recipients": [made.document["public"], second], "identity_file": str(file)}
    with place.settings.open("w") as opened:
        yaml.dump(settings, opened)
    assert place.apply("run", "config", "--level", "2").code == 0
    assert [one["level"] for one in place.sets().values()] == [0, 2]
    # The old set cannot be opened with the new key: that says nothing of the set.
    refused = place.apply("verify", old, "--level", "2")
    assert refused.code == 3, refused.document
    (step,) = refused.document["steps"]
    assert (step["outcome"], step["facts"]["error"]) == ("failed", "Refused")
    assert "no key at hand opens" in step["detail"]
    assert place.sets()[old]["state"] == "good"


def test_a_preflight_tells_a_good_key_from_a_wrong_and_a_missing_one(
    place: Place, tmp_path: Path
) -> None:
    assert place.apply("run", "config", "--level", "3").code == 0

    def preflight(*words: str) -> tuple[int, dict[str, str]]:
        ended = place.run("recovery", "preflight", *words, "-f", "json")
        if not ended.stdout:
            return ended.code, {}
        return ended.code, {one["id"]: one["state"] for one in ended.document["items"]}

    code, items = preflight()
    assert (code, items["keys"]) == (0, "ok"), items
    escrow = tmp_path / "escrow"
    private(escrow, f"{place.keys[1]}\n")
    code, items = preflight("--identity", str(escrow))
    assert (code, items["keys"]) == (0, "ok")
    stranger = tmp_path / "stranger"
    private(stranger, f"{pyrage.x25519.Identity.generate()}\n")
    code, items = preflight("--identity", str(stranger))
    assert (code, items["keys.identity"]) == (26, "failed")
    assert preflight("--identity", str(tmp_path / "nothing"))[0] == 2
    # What was proven is remembered, each key with its moment, and no secret.
    kept = (place.state / "backup-keys.json").read_text()
    assert set(json.loads(kept)) == {str(key.to_public()) for key in place.keys}
    (tmp_path / "identity").unlink()
    private(tmp_path / "identity", f"{pyrage.x25519.Identity.generate()}\n")
    code, items = preflight()
    assert (code, items["keys"]) == (26, "failed")


def test_a_round_tells_of_backups_until_they_are_there(there: Sandboxed) -> None:
    def told() -> dict[str, str]:
        document = there.place.run("round", "daily", "-f", "json").document
        gone.append(document["gone"])
        found = [one for one in document["findings"] if one["check"].startswith("backup.")]
        return {one["key"]: one["severity"] for one in found}

    gone: list[list[str]] = []
    first = told()
    assert first["backup.absent:backup-kind:day2"] == "critical"
    escrow = f"backup.key_not_proven:backup-key:{there.place.keys[1].to_public()}"
    assert first[escrow] == "warning"
    there.apply("run", "day2", "--level", "3")
    second = told()
    assert "backup.absent:backup-kind:day2" in gone[1]
    assert "backup.absent:backup-kind:day2" not in second
    assert second["backup.absent:backup-kind:database"] == "critical"


def test_prune_removes_what_a_killed_writer_left_and_nothing_beside_it(tmp_path: Path) -> None:
    place = Place(tmp_path, backup={**POLICY, "leftover_hours": 0})
    kept = taken(place, 1)
    folder = place.vault / "lost"
    left = folder / ".config-20260101-000000-1a2b.partial"
    left.mkdir()
    (left / "tree.zst.age").write_bytes(b"half of it")
    mine = folder / ".of-the-operator"
    mine.mkdir()
    name = place.plan("prune")
    (step,) = place.run("plan", "show", name, "-f", "json").document["steps"]
    assert (step["action"], step["arguments"]) == ("backup.sweep", {"names": [left.name]})
    assert step["irreversible"]
    # What comes later is not part of what was approved.
    later = folder / ".config-20260102-000000-1a2b.partial"
    later.mkdir()
    assert place.run("plan", "approve", name).code == 0
    done = place.run("plan", "apply", name, "-f", "json")
    assert (done.code, done.document["steps"][0]["outcome"]) == (0, "done"), done.document
    assert not left.exists()
    assert later.is_dir()
    assert mine.is_dir()
    assert set(place.sets()) == {kept}
