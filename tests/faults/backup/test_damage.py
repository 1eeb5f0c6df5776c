# SPDX-License-Identifier: Apache-2.0
"""What disks, people and thieves do to sets that lie still: it is seen, and the others hold."""

import json
import os
import random
import shutil
from pathlib import Path

import pyrage
import pytest

from day2.adapters.vaults import keys
from day2.adapters.vaults.plain import Plain
from day2.adapters.vaults.streams import CHUNK
from day2.errors import NotVerified, Refused
from day2.model.backup import Found, Level, State, Told
from tests.unit.backup.stand import SQL, Stand, draft, names, prove, record, require_sound, take

FULL = bool(os.environ.get("TEST_FULL"))
NEXT = "database-20261127-060000-2b3c"
DUMP = "dump.sql.zst.age"
NOISE = random.Random(7).randbytes(300_000)  # noqa: S311 - content, not a secret


def seen(vault: Plain, found: Found, into: Path) -> str:
    """See that damage is told by the check, and that nothing of it is handed out."""
    told = vault.check(found)
    with pytest.raises((NotVerified, Refused)):
        vault.fetch(found, found.manifest.artefacts[0], into)
    assert names(into) == []
    return told


def flip(file: Path, where: int, bit: int = 0) -> None:
    content = bytearray(file.read_bytes())
    content[where] ^= 1 << bit
    file.write_bytes(content)


@pytest.mark.parametrize("cut", ["one byte", "half", "all", "at a block of age", "within its head"])
def test_a_truncated_file_is_seen_and_never_handed_out(cut: str, stand: Stand) -> None:
    vault = stand.vault()
    found, other = take(vault, content={"dump": NOISE}), take(vault, NEXT)
    file = vault.folder / found.manifest.id / DUMP
    whole = file.read_bytes()
    block = whole.index(b"\n--- ") + 5 + 43 + 1 + 16 + 65_552
    left = {
        "one byte": len(whole) - 1,
        "half": len(whole) // 2,
        "all": 0,
        "at a block of age": block,
        "within its head": 60,
    }[cut]
    file.write_bytes(whole[:left])
    assert seen(vault, found, stand.into) == f"{DUMP} has {left} bytes, not {len(whole)}"
    require_sound(vault, other, SQL, stand.into)


def test_a_file_that_was_cut_at_an_edge_of_its_chunks_is_seen(stand: Stand) -> None:
    vault = stand.vault()
    with vault.write(draft()) as writer:
        with writer.sink("dump", "dump.sql") as sink:
            for _ in range(66):
                sink.write(os.urandom(1 << 20))
        found = writer.commit(source={}, exits={})
    file = vault.folder / found.manifest.id / DUMP
    assert len(found.manifest.artefacts[0].chunks) == 2
    flip(file, CHUNK + 5)
    assert vault.check(found) == f"{DUMP} was changed, first in the 64 MiB from byte {CHUNK} on"
    flip(file, CHUNK + 5)
    assert vault.check(found) == ""
    os.truncate(file, CHUNK)
    assert "has 67108864 bytes" in seen(vault, found, stand.into)


def test_bytes_that_were_appended_are_seen(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    with (vault.folder / found.manifest.id / DUMP).open("ab") as file:
        file.write(b"\0")
    assert "bytes, not" in seen(vault, found, stand.into)


def test_a_flipped_bit_anywhere_in_the_data_is_seen(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault, content={"dump": NOISE})
    file = vault.folder / found.manifest.id / DUMP
    size = file.stat().st_size
    chance = random.Random(1)  # noqa: S311 - which bits, not which secrets
    head = [0, 22, 40, 100, 180, 250, 300, 330, 400]
    places = head + [chance.randrange(size) for _ in range(2000 if FULL else 12)] + [size - 1]
    for where in places:
        flip(file, where, where % 8)
        assert seen(vault, found, stand.into).startswith(f"{DUMP} was changed")
        flip(file, where, where % 8)
    assert vault.check(found) == ""


@pytest.mark.parametrize("document", ["manifest.json", "SHA256SUMS", "HOWTO.txt"])
def test_a_flipped_bit_anywhere_in_a_document_is_seen(document: str, stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    file = vault.folder / found.manifest.id / document
    chance = random.Random(2)  # noqa: S311 - which bits, not which secrets
    size = file.stat().st_size
    places = range(size) if FULL else sorted(chance.sample(range(size), 60))
    for where in places:
        flip(file, where, where % 8)
        assert vault.check(found) != "", (document, where)
        [listed] = vault.sets()
        assert listed.manifest.id == found.manifest.id
        if document != "HOWTO.txt" and "HOWTO" not in vault.check(found):
            assert listed.broken
            assert listed.state is State.BAD
        flip(file, where, where % 8)
    assert vault.check(found) == ""


@pytest.mark.parametrize("told", ["verified", "pinned", "condemned", "spared"])
def test_a_flipped_bit_in_a_record_never_makes_a_set_worth_more(told: str, stand: Stand) -> None:
    """A pin stays, a condemnation does not, and a proof is none until the set is verified again."""
    vault = stand.vault()
    found = take(vault)
    prove(vault, found, Level.RESTORED)
    if told == "spared":
        vault.record(record(found, Told.CONDEMNED))
    if told != "verified":
        vault.record(record(found, Told(told)))
    [file] = (vault.folder / f"{found.manifest.id}.records").glob(f"*-{told}.json")
    size = file.stat().st_size - 1  # The line feed at its end says nothing.
    chance = random.Random(3)  # noqa: S311 - which bits, not which secrets
    for where in range(size) if FULL else sorted(chance.sample(range(size), 60)):
        flip(file, where, where % 8)
        fresh = vault.find(found.manifest.id)
        if told == "verified":
            assert (fresh.state, fresh.level, fresh.proven_at) == (State.BAD, Level.COMMITTED, None)
        else:
            assert fresh.state is not State.CONDEMNED
            assert fresh.pinned == (told == "pinned")
            assert fresh.level is Level.RESTORED
        flip(file, where, where % 8)
    flip(file, size // 2)
    prove(vault, found, Level.RESTORED)
    cured = vault.find(found.manifest.id)
    assert (cured.level, cured.state) == (Level.RESTORED, State.GOOD)
    assert vault.check(cured) == ""


def test_a_record_that_is_gone_counts_as_a_proof_that_failed(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    prove(vault, found, ok=False)
    prove(vault, found)
    (vault.folder / f"{found.manifest.id}.records" / "0001-verified.json").unlink()
    assert vault.find(found.manifest.id).state is State.GOOD
    prove(vault, found, ok=False)
    prove(vault, found, Level.HASHED)
    (vault.folder / f"{found.manifest.id}.records" / "0002-verified.json").unlink()
    fresh = vault.find(found.manifest.id)
    assert [one.detail for one in fresh.records if one.detail] == [
        "record 0001 is missing",
        "record 0002 is missing",
    ]
    assert fresh.level is Level.HASHED


def test_records_of_another_set_prove_nothing(stand: Stand) -> None:
    vault = stand.vault()
    proven, other = take(vault), take(vault, NEXT)
    prove(vault, proven, Level.DRILLED)
    shutil.copytree(
        vault.folder / f"{proven.manifest.id}.records", vault.folder / f"{NEXT}.records"
    )
    fresh = vault.find(NEXT)
    assert (fresh.level, fresh.state) == (Level.COMMITTED, State.BAD)
    assert fresh.sha256 == other.sha256


def test_files_that_were_swapped_between_sets_are_seen(stand: Stand) -> None:
    vault = stand.vault()
    first, second = take(vault), take(vault, NEXT, content={"dump": NOISE})
    one, two = (vault.folder / found.manifest.id / DUMP for found in (first, second))
    beside = stand.folder / "beside"
    one.rename(beside)
    two.rename(one)
    beside.rename(two)
    for found in (first, second):
        assert vault.check(found) != ""
        with pytest.raises(NotVerified):
            vault.read(found, found.manifest.artefacts[0])


def test_a_manifest_of_another_set_or_cloud_is_not_believed(stand: Stand) -> None:
    """Even with its SHA256SUMS: the manifest says of which set and cloud it is."""
    vault, stage = stand.vault(), stand.vault(cloud="stage")
    old, new = take(vault), take(vault, NEXT)
    foreign = take(stage, NEXT)
    for source in (vault.folder / old.manifest.id, stage.folder / foreign.manifest.id):
        kept = stand.folder / "kept"
        shutil.copytree(vault.folder / NEXT, kept)
        for name in ("manifest.json", "SHA256SUMS", "HOWTO.txt", DUMP):
            shutil.copy(source / name, vault.folder / NEXT / name)
        assert vault.find(NEXT).broken.startswith("its manifest is of ")
        seen(vault, new, stand.into)
        shutil.rmtree(vault.folder / NEXT)
        kept.rename(vault.folder / NEXT)
    require_sound(vault, new, SQL, stand.into)


def test_a_manifest_that_was_replaced_voids_what_was_proven(stand: Stand) -> None:
    """One made consistently anew, with its own sums: the records know that it is another."""
    vault = stand.vault()
    found = take(vault)
    prove(vault, found)
    kept = stand.folder / "kept"
    (vault.folder / found.manifest.id).rename(kept)
    records = vault.folder / f"{found.manifest.id}.records"
    records.rename(stand.folder / "records")
    replayed = take(vault, content={"dump": b"older"})
    (stand.folder / "records").rename(records)
    fresh = vault.find(found.manifest.id)
    assert replayed.sha256 != found.sha256
    assert (fresh.level, fresh.state, fresh.broken) == (Level.COMMITTED, State.BAD, "")
    assert "another one" in seen(vault, found, stand.into)
    with pytest.raises(Refused):
        vault.record(record(found))


def test_a_damaged_set_is_never_removed(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    vault.record(record(found, Told.CONDEMNED))
    flip(vault.folder / found.manifest.id / "manifest.json", 40)
    [broken] = vault.sets()
    with pytest.raises(Refused):
        vault.remove(broken)
    with pytest.raises(Refused):
        vault.remove(found)
    assert (vault.folder / found.manifest.id / DUMP).exists()


def test_a_bad_set_is_no_base_and_a_new_one_is_taken(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    flip(vault.folder / found.manifest.id / DUMP, 400)
    assert vault.check(found)
    prove(vault, found, Level.HASHED, ok=False)
    require_sound(vault, take(vault, NEXT), SQL, stand.into)
    assert vault.find(found.manifest.id).state is State.BAD


def test_one_lost_key_is_no_loss_and_a_wrong_one_leaves_nothing(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    stand.identity.unlink()
    escrow = stand.vault(identity_file=str(stand.escrow))
    require_sound(escrow, found, SQL, stand.into)
    stranger = stand.folder / "stranger.key"
    keys.generate(stranger, stand.clock.now())
    with pytest.raises(Refused, match="no key at hand opens"):
        stand.vault(identity_file=str(stranger)).fetch(
            found, found.manifest.artefacts[0], stand.into
        )
    assert names(stand.into) == []


def test_a_set_of_a_newer_day2_is_told_and_left_alone(stand: Stand) -> None:
    vault = stand.vault()
    found = take(vault)
    file = vault.folder / found.manifest.id / "manifest.json"
    document = json.loads(file.read_bytes())
    document["format"] = "day2-set-2"
    file.write_text(json.dumps(document))
    assert "a newer day2" in vault.find(found.manifest.id).broken


def test_content_that_never_was_what_the_manifest_says_is_seen(stand: Stand) -> None:
    """Somebody with the public keys writes another dump in its place, and the sums with it."""
    vault = stand.vault()
    found = take(vault)
    folder = vault.folder / found.manifest.id
    forged = pyrage.encrypt(b"forged", keys.of(stand.recipients))
    (folder / DUMP).write_bytes(forged)
    assert seen(vault, found, stand.into)
