# SPDX-License-Identifier: Apache-2.0
"""Sets whose data lie in a repository of restic: what is different about them."""

import json
import os
import random
import re
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from day2.adapters.vaults import howto
from day2.adapters.vaults.layout import RESTIC, unknown
from day2.adapters.vaults.restic_child import failure
from day2.errors import (
    BadSettings,
    Day2Error,
    Locked,
    NotVerified,
    Refused,
    Unreachable,
    VaultFull,
)
from day2.model.backup import Artefact, Kind, Told
from tests.unit.backup.by_hand import follow
from tests.unit.backup.stand import (
    PASSWORD,
    Stand,
    draft,
    names,
    read_back,
    record,
    take,
)

FIRST, NEXT = "images-20261126-060000-1a2b", "images-20261127-060000-2b3c"
NOISE = os.urandom(3 << 20)
on_restic = pytest.mark.parametrize("stand", ["restic"], indirect=True)


def tags(stand: Stand) -> list[str]:
    """List what the repository has: of which set, and whether it is its documents."""
    found = stand.repository().snapshots()
    return sorted(" ".join(sorted(set(one.tags) - {"day2"})) for one in found)


def pack(stand: Stand) -> Path:
    """Return the largest file of data in the repository, writable."""
    files = [one for one in (stand.bulk / "data").rglob("*") if one.is_file()]
    largest = max(files, key=lambda one: one.stat().st_size)
    largest.chmod(0o600)
    return largest


def flip(file: Path, where: int) -> None:
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)


@on_restic
def test_the_documents_are_in_the_vault_and_the_data_are_not(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, FIRST, content={"dump": NOISE, "metadata": b"{}"})
    folder = vault.folder / FIRST
    assert names(folder) == ["HOWTO.txt", "SHA256SUMS", "manifest.json"]
    assert vault.sets() == [found]
    assert {one.encryption for one in found.manifest.artefacts} == {"restic"}
    assert all(re.fullmatch("[0-9a-f]{64}", a.stored_sha256) for a in found.manifest.artefacts)
    assert tags(stand) == [f"documents set:{FIRST}", f"set:{FIRST}", f"set:{FIRST}"]
    assert vault.check(found) == ""
    assert read_back(vault, found, stand.into) == {"dump": NOISE, "metadata": b"{}"}


@on_restic
def test_what_is_there_is_not_stored_again_and_goes_with_the_last_set_that_has_it(
    stand: Stand,
) -> None:
    vault = stand.vault()
    # Each repository cuts in places of its own, every MiB or so: of this much, some are before
    # the end for sure. What follows the last cut is another piece than it was.
    much = random.Random(7).randbytes(12 << 20)  # noqa: S311 - what cannot be compressed
    first = take(vault, FIRST, content={"dump": much})
    second = take(vault, NEXT, content={"dump": much + b"more"})
    assert second.manifest.stored_bytes < first.manifest.stored_bytes * 0.8
    vault.record(record(first, Told.CONDEMNED))
    vault.remove(first)
    assert tags(stand) == [f"documents set:{NEXT}", f"set:{NEXT}"]
    assert vault.check(second) == ""
    assert read_back(vault, second, stand.into) == {"dump": much + b"more"}
    vault.record(record(second, Told.CONDEMNED))
    vault.remove(second)
    size = sum(one.stat().st_size for one in (stand.bulk / "data").rglob("*") if one.is_file())
    assert (tags(stand), size) == ([], 0)


@on_restic
def test_the_page_is_followed_with_restic_alone_and_documents_come_back(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, FIRST, content={"dump": NOISE, "metadata": b"{}"})
    folder = vault.folder / FIRST
    password = stand.folder / "password"
    password.write_text(PASSWORD)
    text = (folder / "HOWTO.txt").read_text()
    (folder / "HOWTO.txt").write_text(text.replace("openstack image", "true openstack image"))
    sums = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(re.sub(r".*HOWTO.*\n", "", sums))
    follow(folder, place=stand.into, words={"PASSWORD": str(password)})
    (folder / "HOWTO.txt").write_text(text)
    (folder / "SHA256SUMS").write_text(sums)
    assert (stand.into / FIRST / "dump.sql").read_bytes() == NOISE
    # The disk with the vault's documents is lost.
    files = {name: (folder / name).read_bytes() for name in names(folder)}
    folder.rename(stand.folder / "lost")
    assert vault.sets() == []
    restic = ["restic", "-r", str(stand.bulk), f"--password-file={password}", "--no-cache"]
    listed = subprocess.run(
        [*restic, "snapshots", "--json", "--tag", "day2,documents"],
        capture_output=True,
        check=True,
    )
    (copy,) = json.loads(listed.stdout)
    assert f"set:{FIRST}" in copy["tags"]
    subprocess.run(
        [*restic, "restore", copy["id"], "--target", str(folder)], capture_output=True, check=True
    )
    assert {name: (folder / name).read_bytes() for name in names(folder)} == files
    assert vault.sets() == [found]
    assert vault.check(found) == ""


@on_restic
def test_documents_that_could_not_be_copied_are_copied_by_the_next_writer(stand: Stand) -> None:
    vault = stand.vault()
    take(vault, FIRST)
    (copy,) = stand.repository().snapshots("documents")
    stand.repository().call("forget", copy.id, what="losing it")
    take(vault, NEXT)
    assert [one for one in tags(stand) if "documents" in one] == [
        f"documents set:{FIRST}",
        f"documents set:{NEXT}",
    ]


@on_restic
def test_a_flipped_bit_is_seen_nothing_is_handed_out_and_other_sets_hold(stand: Stand) -> None:
    vault = stand.vault()
    damaged = take(vault, FIRST, content={"dump": NOISE})
    flip(pack(stand), 1000)
    whole = take(vault, NEXT, content={"dump": b"something else"})
    # Without reading the data restic sees nothing.
    stand.repository().call("check", "--no-lock", what="checking")
    assert "reading dump.sql failed" in vault.check(damaged)
    assert vault.check(whole) == ""
    with pytest.raises(NotVerified):
        vault.fetch(damaged, damaged.manifest.artefacts[0], stand.into)
    assert names(stand.into) == []
    assert read_back(vault, whole, stand.into) == {"dump": b"something else"}


@on_restic
def test_the_data_are_read_in_parts_another_one_each_day(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, FIRST, content={"dump": NOISE})
    flip(pack(stand), 1000)
    repository = stand.repository(sample_parts=4)
    seen = []
    for _day in range(4):
        seen.append(repository.check(found.manifest.artefacts) != "")
        stand.clock.jump(days=1)
    assert sum(seen) == 1


@on_restic
def test_a_snapshot_that_is_gone_is_told(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, FIRST)
    own = found.manifest.artefacts[0].stored_sha256
    stand.repository().call("forget", own, what="a hand that slipped")
    assert vault.check(found) == f"snapshot {own[:8]} of dump.sql is not there"
    with pytest.raises(NotVerified, match="no matching ID"):
        vault.fetch(found, found.manifest.artefacts[0], stand.into)


@on_restic
def test_without_its_repository_or_its_password_a_set_is_not_called_bad(stand: Stand) -> None:
    found = take(stand.vault(), FIRST)
    with pytest.raises(Refused, match="password does not open"):
        stand.repository("wrong").check(found.manifest.artefacts)
    with pytest.raises(Refused, match="password does not open"):
        stand.repository("wrong").require()
    stand.bulk.rename(stand.folder / "away")
    with pytest.raises(BadSettings, match="no repository"):
        stand.repository().check(found.manifest.artefacts)
    with pytest.raises(BadSettings, match="none is set"):
        stand.vault().check(found)
    # A share that is not mounted is not filled in its place.
    stand.bulk.mkdir()
    with pytest.raises(BadSettings, match="there are sets whose data are in it"):
        take(stand.vault(), NEXT)
    assert list(stand.bulk.iterdir()) == []
    with pytest.raises(BadSettings, match="cannot run"):
        stand.repository(command=["/no/such/restic"]).snapshots()
    with pytest.raises(BadSettings, match="no password"):
        stand.repository("").require()
    assert stand.vault().sets() == [found]


@on_restic
def test_another_restic_that_holds_the_repository_is_waited_for_and_told(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, FIRST)
    vault.record(record(found, Told.CONDEMNED))
    with vault.write(draft(NEXT)) as writer, writer.sink("dump", "dump.sql") as sink:
        sink.write(NOISE)
        with pytest.raises(Locked, match="another restic"):
            stand.repository(locked_seconds=0.0).call("prune", what="making room")


@on_restic
def test_a_producer_may_be_silent_for_longer_than_restic(stand: Stand) -> None:
    vault = stand.vault(bulk={"silent_seconds": 2.0})
    with vault.write(draft(FIRST)) as writer:
        with writer.sink("dump", "dump.sql") as sink:
            sink.write(NOISE)
            time.sleep(4)
            sink.write(NOISE)
        found = writer.commit(source={}, exits={})
    assert read_back(vault, found, stand.into) == {"dump": NOISE * 2}


@on_restic
def test_a_restic_that_hangs_at_its_end_is_ended(stand: Stand) -> None:
    script = stand.folder / "hangs"
    script.write_text(
        '#!/bin/sh\ncase " $* " in *" --stdin "*) cat >/dev/null; exec sleep 60;; esac\n'
        'exec restic "$@"\n'
    )
    script.chmod(0o700)
    bulk = {"silent_seconds": 2.0, "command": [str(script)]}
    with pytest.raises(Unreachable, match="gave nothing for 2 s"):
        take(stand.vault(bulk=bulk), FIRST)


@on_restic
def test_what_a_killed_writer_left_goes_though_its_kind_goes_elsewhere_now(stand: Stand) -> None:
    folder = stand.vault().folder
    child = os.fork()
    if child == 0:
        with stand.vault().write(draft(FIRST)) as writer:
            with writer.sink("dump", "dump.sql") as sink:
                sink.write(NOISE)
            os._exit(0)  # As killed: between two artefacts.
    os.waitpid(child, 0)
    assert tags(stand) == [f"set:{FIRST}"]
    elsewhere = {"kinds": [Kind.RBD]}
    take(stand.vault(bulk=elsewhere), NEXT)
    assert (tags(stand), [n for n in names(folder) if FIRST in n]) == ([], [])


@pytest.mark.parametrize(
    ("code", "said", "kind"),
    [
        (1, "Fatal: wrong password or no key found", Refused),
        (12, "Fatal: something new", Refused),
        (1, "Is there a repository at the following location?", BadSettings),
        (10, "", BadSettings),
        (1, "unable to create lock: repository is already locked by PID 7", Locked),
        (11, "", Locked),
        (1, "Save() failed: write: no space left on device", VaultFull),
        (2, "cannot dump file: ciphertext verification failed", NotVerified),
        (1, "dial tcp: connection refused", Unreachable),
        (-9, "", Unreachable),
    ],
)
def test_a_failure_is_named_by_code_and_words(code: int, said: str, kind: type[Day2Error]) -> None:
    assert type(failure("reading", code, [said] if said else [])) is kind


@pytest.mark.parametrize(
    ("repository", "shown"),
    [
        ("rest:https://day2:s3cr:et@store:8000/x", "rest:https://day2:PASSWORD@store:8000/x"),
        ("rest:https://day2@store/x", "rest:https://day2@store/x"),
        ("sftp:day2@store:/srv/restic", "sftp:day2@store:/srv/restic"),
        ("/srv/restic", "/srv/restic"),
    ],
)
def test_the_page_that_lies_in_the_open_tells_no_password(repository: str, shown: str) -> None:
    """Of a REST server the password stands in the repository's own name."""
    artefact = Artefact(
        of="data", name="data", bytes=1, sha256="0" * 64, stored_bytes=1,
        stored_sha256="0" * 64, compression=RESTIC, encryption=RESTIC,
    )  # fmt: skip
    manifest = msgspec.structs.replace(unknown("images-1", "prod"), artefacts=[artefact])
    page = howto.write(manifest, repository).decode()
    assert "s3cr" not in page
    assert f"in a repository of restic: {shown}\n" in page
    assert f"restic -r {shown} " in page
