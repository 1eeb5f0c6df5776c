# SPDX-License-Identifier: Apache-2.0
"""A vault of ordinary files: what a set is, what is told of it, what is refused."""

import json
import os
import stat
from typing import Any

import pytest

from day2.adapters.vaults import layout
from day2.errors import (
    BadPlan,
    BadSettings,
    BadUsage,
    Locked,
    NotVerified,
    Refused,
    VaultFull,
)
from day2.model.backup import Kind, Level, Method, State, Told
from tests.unit.backup.stand import (
    NOW,
    SQL,
    Stand,
    both,
    draft,
    names,
    prove,
    read_back,
    record,
    take,
)

NEXT = "database-20261127-060000-2b3c"


def test_a_set_is_a_folder_of_private_files_and_its_manifest_says_all(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, content={"dump": SQL, "accounts": b"CREATE USER x;\n"})
    assert vault.sets() == [found]
    folder = vault.folder / found.manifest.id
    files = ["HOWTO.txt", "SHA256SUMS", "accounts.sql.zst.age", "dump.sql.zst.age", "manifest.json"]
    assert names(folder) == files
    written = [stand.root / "prod", *(stand.root / "prod").rglob("*")]
    assert {stat.S_IMODE(one.stat().st_mode) for one in written if one.is_file()} == {0o600}
    assert {stat.S_IMODE(one.stat().st_mode) for one in written if one.is_dir()} == {0o700}
    manifest = found.manifest
    assert (manifest.sequence, manifest.token, manifest.host) == (1, 1, "ctl1")
    assert (manifest.started_at, manifest.recipients) == (NOW, stand.recipients)
    assert manifest.source == {"version": "10.11.19"}
    assert manifest.bytes == len(SQL) + 15
    assert (found.level, found.state) == (Level.COMMITTED, State.GOOD)
    assert vault.check(found) == ""
    assert read_back(vault, found, stand.into) == {"dump": SQL, "accounts": b"CREATE USER x;\n"}
    assert SQL[:40] not in b"".join(one.read_bytes() for one in folder.iterdir())


def test_the_page_in_the_set_names_its_own_files_hashes_and_keys(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    page = (vault.folder / found.manifest.id / "HOWTO.txt").read_text()
    for word in (
        *stand.recipients,
        found.manifest.id,
        found.manifest.artefacts[0].sha256,
        f"age -d -i IDENTITY -o /root/restore/{found.manifest.id}/dump.sql.zst dump.sql.zst.age",
        "sha256sum -c SHA256SUMS",
        f"< /root/restore/{found.manifest.id}/dump.sql",
    ):
        assert word in page
    assert "AGE-SECRET-KEY" not in page
    config = take(vault, "config-20261126-060000-aaaa")
    assert "tar" in (vault.folder / config.manifest.id / "HOWTO.txt").read_text()


@both
def test_left_without_a_commit_a_set_never_existed(stand: Stand) -> None:
    vault = stand.vault()
    with vault.write(draft()) as writer, writer.sink("dump", "dump.sql") as sink:
        sink.write(SQL)
    with pytest.raises(RuntimeError), vault.write(draft()) as writer:
        raise RuntimeError
    assert vault.sets() == []
    assert names(vault.folder) == [".locks"]


@both
def test_an_artefact_that_failed_is_not_in_the_set(stand: Stand) -> None:
    vault = stand.vault()
    with vault.write(draft()) as writer:
        with pytest.raises(RuntimeError), writer.sink("dump", "dump.sql") as sink:
            sink.write(SQL)
            raise RuntimeError
        with writer.sink("other", "dump.sql") as sink:
            sink.write(b"again")
        found = writer.commit(source={}, exits={})
    assert [one.of for one in found.manifest.artefacts] == ["other"]
    assert read_back(vault, found, stand.into) == {"other": b"again"}


@both
def test_nothing_is_committed_without_an_artefact_nor_twice(stand: Stand) -> None:
    vault = stand.vault()
    with vault.write(draft()) as writer:
        with pytest.raises(BadPlan):
            writer.commit(source={}, exits={})
        with writer.sink("dump", "dump.sql") as sink:
            sink.write(b"x")
            with pytest.raises(BadPlan):
                writer.commit(source={}, exits={})
            with pytest.raises(BadPlan), writer.sink("other", "other.sql"):
                pass
        writer.commit(source={}, exits={})
        with pytest.raises(BadPlan):
            writer.commit(source={}, exits={})
    assert len(vault.sets()) == 1


def test_a_committed_set_is_not_taken_twice(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    with pytest.raises(Refused, match="committed already"), vault.write(draft()):
        pass
    assert vault.sets() == [found]


@both
def test_what_was_left_under_the_id_is_swept_and_the_set_taken(stand: Stand) -> None:
    vault = stand.vault()
    partial = vault.folder / f".{draft().id}.partial"
    partial.mkdir(parents=True)
    (partial / "dump.sql.zst.age").write_bytes(b"half")
    (partial / "manifest.json").write_bytes(b"{}")
    found = take(vault)
    assert vault.check(found) == ""
    assert not partial.exists()


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "", ".hidden", "x" * 200, "manifest\n", "manifest.json/..", "-rf\0"]
)
def test_names_of_files_are_plain(name: str, stand: Stand) -> None:
    with (
        stand.vault().write(draft()) as writer,
        pytest.raises(BadUsage),
        writer.sink("dump", name),
    ):
        pass


@pytest.mark.parametrize(
    "name", ["database-../../x", "database", "config-20261126-060000-1a2b", "database-A", ".x"]
)
def test_ids_are_of_their_kind(name: str, stand: Stand) -> None:
    given = draft(id=name, kind=Kind.DATABASE) if name.startswith(".") else None
    given = given or draft("database-1", id=name, kind=Kind.DATABASE)
    with pytest.raises(BadUsage), stand.vault().write(given):
        pass


@pytest.mark.parametrize("cloud", ["../x", "", "a/b", ".x", "x.records", "two words"])
def test_a_cloud_whose_name_is_no_folder_is_refused(cloud: str, stand: Stand) -> None:
    with pytest.raises(BadSettings):
        stand.vault(cloud=cloud)


def test_a_vault_that_is_not_mounted_is_not_made(stand: Stand) -> None:
    vault = stand.vault(path=str(stand.folder / "share"))
    with pytest.raises(BadSettings, match="no folder"):
        vault.sets()
    with pytest.raises(BadSettings, match="no folder"):
        take(vault)
    assert not (stand.folder / "share").exists()


def test_one_recipient_is_too_few_and_the_same_twice_is_one(stand: Stand) -> None:
    one = stand.recipients[0]
    with pytest.raises(BadSettings, match="2 keys at least"):
        take(stand.vault(recipients=[one, one]))
    assert stand.vault().sets() == []


def test_the_reserve_is_looked_at_before_anything_is_written(stand: Stand) -> None:
    vault = stand.vault(reserve_gib=1e9)
    with pytest.raises(VaultFull, match="fewer than the reserve"):
        take(vault)
    assert names(vault.folder) == [".locks"]


def test_two_of_a_kind_are_not_written_at_once_and_two_kinds_are(stand: Stand) -> None:
    vault = stand.vault()
    with vault.write(draft()) as writer:
        with pytest.raises(Locked, match=r"database-20261126.*on ctl1"):
            take(stand.vault(), NEXT)
        other = take(stand.vault(), "config-20261126-060000-aaaa")
        with writer.sink("dump", "dump.sql") as sink:
            sink.write(SQL)
        found = writer.commit(source={}, exits={})
    assert (other.manifest.sequence, found.manifest.sequence) == (1, 2)
    assert take(vault, NEXT).manifest.sequence == 3


def test_clouds_lie_beside_each_other(stand: Stand) -> None:
    take(stand.vault())
    assert stand.vault(cloud="stage").sets() == []
    take(stand.vault(cloud="stage"))
    assert stand.vault(cloud="stage").find("database").manifest.cloud == "stage"


def test_a_set_is_found_by_the_beginning_of_its_id(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    take(vault, NEXT)
    assert vault.find("database-20261126") == found
    assert vault.find(found.manifest.id) == found
    for name in ("database", "volumes", "", "x"):
        with pytest.raises(BadUsage):
            vault.find(name)


def test_records_are_appended_and_decide_what_a_set_is(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    prove(vault, found, Level.HASHED)
    prove(vault, found, Level.RESTORED)
    vault.record(record(found, Told.PINNED))
    fresh = vault.find(found.manifest.id)
    assert (fresh.level, fresh.pinned, fresh.proven_at) == (Level.RESTORED, True, NOW)
    files = names(vault.folder / f"{found.manifest.id}.records")
    assert files == ["0001-verified.json", "0002-verified.json", "0003-pinned.json"]
    prove(vault, found, Level.HASHED, ok=False)
    assert vault.find(found.manifest.id).state is State.BAD


def test_a_record_about_another_manifest_is_refused(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    wrongs: list[dict[str, Any]] = [{"manifest_sha256": "0" * 64}, {"set": NEXT}, {"set": "../x"}]
    for wrong in wrongs:
        with pytest.raises(Refused):
            vault.record(record(found, **wrong))


def test_a_vault_without_identity_takes_and_checks_sets_and_opens_none(stand: Stand) -> None:
    controller = stand.vault(identity_file="")
    found = take(controller)
    assert controller.check(found) == ""
    with pytest.raises(Refused, match="no identity is set"):
        controller.read(found, found.manifest.artefacts[0])
    with pytest.raises(Refused, match="no identity is set"):
        controller.fetch(found, found.manifest.artefacts[0], stand.into)
    assert names(stand.into) == []
    stand.vault().read(found, found.manifest.artefacts[0])


@both
def test_what_is_fetched_is_private_and_takes_the_place_of_an_older_try(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    (stand.into / "dump.sql").write_bytes(b"old")
    (stand.into / ".dump.sql.partial").write_bytes(b"killed")
    file = vault.fetch(found, found.manifest.artefacts[0], stand.into)
    assert (file, file.read_bytes()) == (stand.into / "dump.sql", SQL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(stand.into) == ["dump.sql"]


def test_an_increment_needs_its_parent_as_it_was(stand: Stand) -> None:
    vault = stand.vault()
    full = take(vault, method=Method.FULL)
    grown: dict[str, Any] = {"method": Method.INCREMENT, "parent": full.manifest.id}
    for sha256, parent in (("0" * 64, full.manifest.id), (full.sha256, NEXT)):
        with pytest.raises(Refused, match="cannot build on"):
            take(vault, NEXT, **(grown | {"parent": parent, "parent_sha256": sha256}))
    increment = take(vault, NEXT, **grown, parent_sha256=full.sha256)
    assert increment.manifest.parent_sha256 == full.sha256
    page = (vault.folder / NEXT / "HOWTO.txt").read_text()
    assert "INCREMENT" in page
    assert full.sha256 in page
    prove(vault, full, Level.READ, ok=False)
    with pytest.raises(Refused, match="bad"):
        take(vault, "database-3", **grown, parent_sha256=full.sha256)


@both
def test_a_parent_that_turns_bad_meanwhile_voids_its_increment(stand: Stand) -> None:
    vault = stand.vault()
    full = take(vault, method=Method.FULL)
    given = draft(NEXT, method=Method.INCREMENT, parent=full.manifest.id, parent_sha256=full.sha256)
    with vault.write(given) as writer:
        with writer.sink("dump", "x") as sink:
            sink.write(b"x")
        prove(vault, full, ok=False)
        with pytest.raises(Refused, match="cannot build on"):
            writer.commit(source={}, exits={})
    assert [one.manifest.id for one in vault.sets()] == [full.manifest.id]


@both
def test_only_a_condemned_set_is_removed_and_its_records_go_last(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    with pytest.raises(Refused, match="not condemned"):
        vault.remove(found)
    vault.record(record(found, Told.CONDEMNED, detail="older than 30 days"))
    vault.record(record(found, Told.SPARED))
    with pytest.raises(Refused, match="not condemned"):
        vault.remove(found)
    vault.record(record(found, Told.CONDEMNED))
    vault.record(record(found, Told.PINNED))
    with pytest.raises(Refused, match="pinned"):
        vault.remove(found)
    vault.record(record(found, Told.UNPINNED))
    vault.remove(found)
    assert vault.sets() == []
    assert names(vault.folder) == [".locks"]
    vault.remove(found)
    assert take(vault, NEXT).manifest.sequence == 2


@both
def test_an_id_whose_removal_was_killed_halfway_can_be_used_again(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    vault.record(record(found, Told.CONDEMNED))
    (vault.folder / found.manifest.id).rename(vault.folder / f".{found.manifest.id}.removing")
    assert vault.sets() == []
    again = take(vault)
    assert vault.sets() == [again]
    assert names(vault.folder) == [".locks", found.manifest.id]


def test_a_bad_set_that_is_condemned_is_removed(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    prove(vault, found, Level.HASHED, ok=False)
    vault.record(record(found, Told.CONDEMNED))
    vault.remove(vault.find(found.manifest.id))
    assert vault.sets() == []


def test_a_set_that_another_builds_on_is_not_removed(stand: Stand) -> None:
    vault = stand.vault()
    full = take(vault, method=Method.FULL)
    take(
        vault,
        NEXT,
        method=Method.INCREMENT,
        parent=full.manifest.id,
        parent_sha256=full.sha256,
    )
    vault.record(record(full, Told.CONDEMNED))
    with pytest.raises(Refused, match="needs it"):
        vault.remove(full)


def test_a_set_whose_files_vanished_is_told_by_its_records(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    prove(vault, found)
    (vault.folder / found.manifest.id).rename(stand.folder / "away")
    [told] = vault.sets()
    assert told.broken == "it is gone, or not a folder"
    assert told.manifest.id == found.manifest.id
    stand.clock.jump(days=400)
    assert vault.left(hours=24) == []
    with pytest.raises(Refused):
        take(vault)


def test_sweep_leaves_what_is_young_and_what_is_being_written(stand: Stand) -> None:
    vault = stand.vault()
    with vault.write(draft()) as writer:
        with writer.sink("dump", "dump.sql") as sink:
            sink.write(SQL)
        (vault.folder / ".config-1.partial").mkdir()
        stand.clock.jump(days=-365)
        assert vault.left(hours=1) == []
        stand.clock.jump(days=800)
        assert vault.left(hours=24) == [".config-1.partial"]
        (vault.folder / ".images-1.partial").mkdir()
        # Only what was named goes, and only what is left behind, whatever was named.
        named = [".config-1.partial", ".locks", "..", "/etc"]
        assert vault.sweep(named, hours=24) == [".config-1.partial"]
        assert (vault.folder / ".images-1.partial").is_dir()
        writer.commit(source={}, exits={})
    assert len(vault.sets()) == 1


@pytest.mark.parametrize("document", ["manifest.json", "SHA256SUMS"])
def test_a_set_without_a_document_is_told_as_broken(document: str, stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    (vault.folder / found.manifest.id / document).unlink()
    [told] = vault.sets()
    assert told.broken == f"it has no {document}"
    assert told.state is State.BAD
    with pytest.raises(NotVerified):
        vault.read(found, found.manifest.artefacts[0])


def test_links_and_pipes_are_told_and_never_followed(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    other = take(vault, NEXT)
    (vault.folder / "database-3").symlink_to(vault.folder / found.manifest.id)
    (vault.folder / "database-4").write_bytes(b"a file")
    os.mkfifo(vault.folder / "database-5")
    (vault.folder / "lost+found").mkdir()
    (vault.folder / "README").write_bytes(b"")
    file = vault.folder / NEXT / "dump.sql.zst.age"
    file.rename(stand.folder / "elsewhere")
    file.symlink_to(stand.folder / "elsewhere")
    broken = {one.manifest.id: one.broken for one in vault.sets() if one.broken}
    assert set(broken) == {"database-3", "database-4", "database-5"}
    assert "not an ordinary file" in vault.check(other)
    with pytest.raises(NotVerified, match="no ordinary file"):
        vault.read(other, other.manifest.artefacts[0])
    page = vault.folder / found.manifest.id / "HOWTO.txt"
    page.unlink()
    os.mkfifo(page)
    assert "not an ordinary file" in vault.check(found)


def test_a_cloud_folder_that_is_a_link_or_open_to_others_is_refused(stand: Stand) -> None:
    (stand.root / "prod").symlink_to(stand.folder)
    with pytest.raises(BadSettings, match="not a folder of its own"):
        take(stand.vault())
    (stand.root / "stage").mkdir(mode=0o777)
    (stand.root / "stage").chmod(0o777)
    with pytest.raises(BadSettings, match="others may write"):
        take(stand.vault(cloud="stage"))


def test_a_manifest_that_names_files_elsewhere_is_not_believed(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    folder = vault.folder / found.manifest.id
    for name in ("../../../etc/passwd.zst.age", "/etc/passwd.zst.age", "x", "..zst.age"):
        document = json.loads((folder / "manifest.json").read_bytes())
        document["artefacts"][0]["name"] = name
        (folder / "manifest.json").write_text(json.dumps(document))
        assert vault.find(found.manifest.id).broken.startswith("its manifest names files")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[" * 100_000, b'{"id":"x"', b"\xff\xfe", b"null", b"x" * 100]
)
def test_no_manifest_whatever_is_in_it_breaks_the_listing(content: bytes, stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    other = take(vault, NEXT)
    (vault.folder / found.manifest.id / "manifest.json").write_bytes(content)
    assert [one.manifest.id for one in vault.sets() if not one.broken] == [NEXT]
    assert vault.find(found.manifest.id).broken
    with pytest.raises(Refused):
        vault.record(record(found))
    vault.record(record(other))


def test_what_stands_for_an_unreadable_manifest_says_what_the_name_says() -> None:
    stands = layout.unknown("rbd-20261126-060000-1a2b", "prod")
    assert (stands.kind, stands.started_at) == (Kind.RBD, NOW)
    assert layout.unknown("rbd-20269999-999999-x", "prod").started_at.year == 1970


def test_the_vault_is_a_vault(stand: Stand) -> None:
    from day2.adapters.vaults.vault import Vault

    vault: Vault = stand.vault()
    take(stand.vault())
    assert [one.vault for one in vault.sets()] == [vault.name]
