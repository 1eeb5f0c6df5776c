# SPDX-License-Identifier: Apache-2.0
"""What backups add to a round when the vault is there, and when its share is not mounted."""

from pathlib import Path

from ruamel.yaml import YAML

from day2.model.round import Before
from day2.wiring import backup_rounds
from day2.wiring.sandbox import load_settings
from day2.wiring.site import Site
from tests.unit.backup.stand import Stand

OLD = "backup.old:backup-kind:database"
BEFORE = Before(open_checks={OLD: "backup.old", "server.error:server:1": "server.error"})


def site(stand: Stand, vault: Path) -> Site:
    settings = stand.folder / "day2.yaml"
    section = {
        "path": str(vault),
        "recipients": stand.recipients,
        "identity_file": str(stand.identity),
    }
    cloud = {"backup_vault": section, "backup": {"kinds": ["database"]}}
    with settings.open("w") as opened:
        YAML(typ="safe", pure=True).dump({"clouds": {"prod": cloud}}, opened)
    environment = {"DAY2_STATE": str(stand.folder / "state")}
    return Site(
        load_settings(str(settings), "prod", environment),
        cloud="prod",
        environment=environment,
        clock=stand.clock,
    )


def test_what_was_wrong_before_is_gone_and_what_is_wrong_now_is_told(stand: Stand) -> None:
    pending = backup_rounds.begin(site(stand, stand.root))
    assert pending is not None
    added = pending.addition(BEFORE)
    assert [one.key for one in added.findings] == [
        "backup.absent:backup-kind:database",
        f"backup.key_not_proven:backup-key:{stand.recipients[1]}",
    ]
    assert (added.gone, added.unjudged, added.gaps) == ([OLD], [], [])


def test_a_share_that_is_not_mounted_is_a_gap_and_no_vault_without_sets(stand: Stand) -> None:
    pending = backup_rounds.begin(site(stand, stand.folder / "share"))
    assert pending is not None
    added = pending.addition(BEFORE)
    assert [(gap.kind, gap.error) for gap in added.gaps] == [("backups", "BadSettings")]
    assert "backup.absent" not in {one.check for one in added.findings}
    assert (added.gone, added.unjudged) == ([], [OLD])


def test_a_cloud_without_a_vault_adds_nothing(stand: Stand) -> None:
    settings = stand.folder / "none.yaml"
    settings.write_text("clouds: {prod: {}}\n")
    made = load_settings(str(settings), "prod", {})
    assert backup_rounds.begin(Site(made, cloud="prod", environment={})) is None
