# SPDX-License-Identifier: Apache-2.0
"""Backups of others: what their names say, and what is really in them."""

import gzip
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import zstandard

from day2.adapters.adopting.examine import Examined, examine
from day2.adapters.adopting.loading import plain
from day2.adapters.adopting.recognise import Candidate, Form, listing, recognise
from day2.errors import NotVerified, Refused
from day2.model.backup import Kind, Level, Method
from day2.model.plan import Asked
from day2.operations.backup.plan import plan_adopt
from day2.operations.backup.takers.adopted import AdoptedTaker
from tests.unit.backup.bare_vault import BareVault, draft

DUMP = (
    b"/*M!999999\\- enable the sandbox mode */\n"
    b"-- MariaDB dump 10.19  Distrib 10.11.18-MariaDB, for debian-linux-gnu (x86_64)\n--\n"
    b"-- Host: localhost    Database: nova\n"
    b"-- ------------------------------------------------------\n"
    b"-- Server version\t10.11.18-MariaDB-0+deb12u1\n"
    b"\nCREATE TABLE `instances` (\n  `id` int\n);\n"
    b"INSERT INTO `instances` VALUES\n(1),\n(2);\n" + b"-- filler\n" * 5000
)
END = b"-- Dump completed on 2026-01-25 10:00:07\n"
NOW = datetime(2026, 1, 27, tzinfo=UTC)
ASKED = Asked(
    id="backup-adopt-1", cloud="c", region="", foundation="", by="ann", at=NOW, expires_at=NOW
)
MBSTREAM = shutil.which("mbstream")


def candidate(folder: Path, name: str, content: bytes) -> Candidate:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    (found,) = recognise([(str(file), file.stat().st_mtime)])
    return found


def look(folder: Path, name: str, content: bytes) -> Examined:
    return examine(candidate(folder, name, content), lambda _said: None)


@pytest.mark.parametrize(
    ("path", "form", "method", "at", "base"),
    [
        (
            "/b/full-25-01-2026-1769335200/backup-full-25-01-2026-1769335200.mbs.gz",
            *(Form.PHYSICAL, Method.FULL, "2026-01-25T10:00:00+00:00", 0),
        ),
        (
            (
                "/b/incr-03-15-00-26-01-2026-since-25-01-2026-1769335200/"
                "backup-incremental-03-15-00-26-01-2026.mbs.gz"
            ),
            *(Form.PHYSICAL, Method.INCREMENT, "2026-01-26T03:15:00+00:00", 1769335200),
        ),
        (
            "/b/full-25-01-2026-1769335200/mysqlbackup-25-01-2026-1769335200.qp.xbc.xbs.gz",
            *(Form.PHYSICAL, Method.FULL, "2026-01-25T10:00:00+00:00", 0),
        ),
        (
            (
                "/b/incr-03-15-00-26-01-2026-since-25-01-2026-1769335200/"
                "incremental-03-15-00-26-01-2026-mysqlbackup-25-01-2026-1769335200.qp.xbc.xbs.gz"
            ),
            *(Form.PHYSICAL, Method.INCREMENT, "2026-01-26T03:15:00+00:00", 1769335200),
        ),
        (
            "/b/mysqlbackup-25-01-2026-1769335200.qp.xbc.xbs.gz",
            *(Form.PHYSICAL, Method.FULL, "2026-01-25T10:00:00+00:00", 0),
        ),
        (
            "/b/incremental-11-mysqlbackup-25-01-2026-1769335200.qp.xbc.xbs",
            *(Form.PHYSICAL, Method.INCREMENT, "2026-01-25T10:00:00+00:00", 0),
        ),
        (
            "/b/keystone_20260125_100000.sql.gz",
            *(Form.DUMP, Method.ADOPTED, "2026-01-25T10:00:00+00:00", 0),
        ),
    ],
)
def test_names_say_what_and_when(path: str, form: Form, method: Method, at: str, base: int) -> None:
    (found,) = recognise([(path, 0.0)])
    assert (found.form, found.method, found.taken_at.isoformat(), found.base) == (
        *(form, method, at, base),
    )
    assert found.dated_by == "name"
    assert found.id == recognise([(path, 99.0)])[0].id, "the same each time"


def test_an_increment_named_after_its_full_backup_is_dated_by_its_file() -> None:
    """Kolla's script of a while: the hour, and when the full one was taken that it stands on."""
    epoch, at = 1769335200, 1769397300.0
    full = f"/b/mysqlbackup-25-01-2026-{epoch}.qp.mbc.mbs.gz"
    above = f"/b/incremental-03-mysqlbackup-25-01-2026-{epoch}.qp.mbc.mbs.gz"
    found = {one.path: one for one in recognise([(full, 0.0), (above, at)])}
    assert (found[full].method, found[full].base) == (Method.FULL, 0)
    assert (found[above].method, found[above].base, found[above].dated_by) == (
        *(Method.INCREMENT, epoch, "file"),
    )
    assert found[above].taken_at.timestamp() == at
    steps = plan_adopt(list(found.values()), [], ASKED, level=Level.HASHED, by="ann").steps
    parents = {step.subject.name: step.arguments.get("parent") for step in steps[::2]}
    assert parents == {full: "", above: found[full].id}


@pytest.mark.parametrize("parent", ["", "database-1"])
def test_an_increment_that_stands_on_nothing_is_no_good_set(tmp_path: Path, parent: str) -> None:
    whole = packed(tmp_path, "backup_type = incremental\nfrom_lsn = 44404\nto_lsn = 50000\n")
    given = candidate(tmp_path, "incremental-11-mysqlbackup-25-01-2026-1769335200.mbs", whole)
    vault = BareVault(tmp_path / "vault")
    about = {"candidate": msgspec.json.encode(given).decode()}
    wanted = draft(Kind.DATABASE, "database-2", method=Method.ADOPTED, parent=parent, about=about)
    taker = AdoptedTaker(lambda *_given: {})
    with vault.write(wanted) as writer:
        taken = taker.take(writer, wanted, None, lambda _text: None)
        writer.commit(source=taken.source, exits=taken.exits)
    said = taker.check(vault, vault.find("database-2"), lambda _text: None)
    assert said == (
        "" if parent else f"{given.path}: an increment, and what it stands on is not there"
    )


def test_a_share_that_is_not_mounted_says_nothing_about_a_backup(tmp_path: Path) -> None:
    share = tmp_path / "share"
    given = candidate(share, "nova_20260125_100000.sql", DUMP + END)
    (share / "other").touch()
    vault = BareVault(tmp_path / "vault")
    about = {"candidate": msgspec.json.encode(given).decode()}
    wanted = draft(Kind.DATABASE, "database-1", method=Method.ADOPTED, about=about)
    taker = AdoptedTaker(lambda *_given: {})
    with vault.write(wanted) as writer:
        taken = taker.take(writer, wanted, None, lambda _text: None)
        found = writer.commit(source=taken.source, exits=taken.exits)

    def check() -> str:
        return taker.check(vault, found, lambda _text: None)

    assert check() == ""
    away = share.rename(tmp_path / "away")
    for _mount_point in ("none", "empty"):
        with pytest.raises(Refused, match="cannot read"):
            check()
        share.mkdir(exist_ok=True)
    share.rmdir()
    away.rename(share)
    assert check() == ""
    Path(given.path).unlink()
    assert check() == f"{given.path} is not there any more"
    Path(given.path).write_bytes(DUMP)
    assert check().endswith("is not the file that was adopted any more")


def test_a_dump_without_a_date_is_dated_by_its_file_and_others_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "nova.sql").write_bytes(DUMP)
    (tmp_path / "last_full_file").write_text("x")
    (tmp_path / "away.sql").symlink_to("/etc/passwd")
    found = recognise(listing(tmp_path))
    assert [(Path(one.path).name, one.dated_by) for one in found] == [("nova.sql", "file")]
    assert (datetime.now(UTC) - found[0].taken_at).total_seconds() < 60
    impossible = recognise([("/b/nova_20261399_999999.sql", 0.0)])
    assert impossible[0].dated_by == "file"


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_a_whole_dump_is_read_to_its_end(ending: str, tmp_path: Path) -> None:
    packed = {
        "": DUMP + END,
        ".gz": gzip.compress(DUMP + END),
        ".zst": zstandard.compress(DUMP + END),
    }
    found = look(tmp_path, f"nova_20260125_100000.sql{ending}", packed[ending])
    assert (found.wrong, found.bytes) == ("", len(DUMP + END))
    assert found.facts == {
        "schemas": ["nova"],
        "tables": 1,
        "server_version": "10.11.18-MariaDB-0+deb12u1",
    }
    assert found.lacks == [
        "no binlog position: nothing can be replayed after it",
        "no accounts of the database",
    ]


def test_gzip_members_one_after_another_are_one_dump(tmp_path: Path) -> None:
    content = gzip.compress(DUMP) + gzip.compress(END) + bytes(512)
    assert look(tmp_path, "nova_20260125.sql.gz", content).wrong == ""


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (gzip.compress(b""), "empty: 20 bytes on disk, nothing inside"),
        (b"", "empty: 0 bytes on disk, nothing inside"),
        (gzip.compress(DUMP), "it does not say at its end that it completed"),
        (gzip.compress(DUMP + END)[:-30], "truncated: the compressed file has no end"),
        (gzip.compress(b"mysqldump: Got error: 1045\n" + END), "it does not begin as a dump does"),
        (b"not gzip at all", "damaged: "),
    ],
    ids=["nothing packed", "nothing", "not completed", "cut", "an error", "not packed"],
)
def test_what_would_not_restore_is_named(content: bytes, wrong: str, tmp_path: Path) -> None:
    assert look(tmp_path, "nova_20260125_100000.sql.gz", content).wrong.startswith(wrong)


@pytest.fixture
def stream(tmp_path: Path) -> bytes:
    """Return a whole backup."""
    return packed(
        tmp_path, "backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 44404\nlast_lsn = 44404\n"
    )


def packed(place: Path, checkpoints: str) -> bytes:
    """Return files as `mbstream` itself packs them: what mariadb-backup writes."""
    assert MBSTREAM is not None, "apt-get install mariadb-backup"
    folder = place / "packed"
    folder.mkdir()
    (folder / "ibdata1").write_bytes(bytes(range(256)) * 8192)
    (folder / "xtrabackup_checkpoints").write_text(checkpoints)
    (folder / "xtrabackup_info").write_text(
        "tool_version = 10.11.18-MariaDB\nserver_version = 10.11.18-MariaDB\n"
        "binlog_pos = filename 'binlog.000002', position '342'\n"
    )
    names = sorted(path.name for path in folder.iterdir())
    done = subprocess.run([MBSTREAM, "-c", *names], cwd=folder, capture_output=True, check=True)
    return done.stdout


def physical(folder: Path, content: bytes) -> Examined:
    name = "full-25-01-2026-1769335200/backup-full-25-01-2026-1769335200.mbs.gz"
    return look(folder, name, gzip.compress(content, 1))


def test_a_physical_backup_tells_its_files_and_its_position(stream: bytes, tmp_path: Path) -> None:
    found = physical(tmp_path, stream)
    assert found.wrong == ""
    assert (found.facts["files"], found.facts["to_lsn"], found.facts["increment"]) == (
        *(3, 44404, False),
    )
    assert found.facts["binlog_pos"] == "filename 'binlog.000002', position '342'"


def test_a_physical_backup_that_ends_early_or_was_changed_is_named(
    stream: bytes, tmp_path: Path
) -> None:
    half = len(stream) // 2
    assert physical(tmp_path, stream[:half]).wrong == "truncated: it ends within a file"
    flipped = bytearray(stream)
    flipped[half] ^= 1
    assert "has another checksum" in physical(tmp_path, bytes(flipped)).wrong
    assert "not a stream" in physical(tmp_path, b"x" * 4096).wrong
    without = stream[: stream.index(b"XBSTCK01", len(stream) - 2000)]
    assert physical(tmp_path, without).wrong


@pytest.mark.parametrize("ending", [".sql", ".sql.gz", ".sql.zst"])
def test_what_is_restored_is_all_that_was_read(ending: str, tmp_path: Path) -> None:
    """`cat a.zst b.zst` and pzstd make several frames; the first alone would be half a backup."""
    pack = {
        ".sql": lambda part: part,
        ".sql.gz": gzip.compress,
        ".sql.zst": zstandard.ZstdCompressor(write_content_size=True).compress,
    }[ending]
    given = candidate(tmp_path, f"nova{ending}", pack(DUMP) + pack(b"x" * 3_000_000 + END))
    assert b"".join(plain(given)) == DUMP + b"x" * 3_000_000 + END


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".zst", zstandard.ZstdCompressor().compress)]
)
def test_what_was_cut_since_it_was_adopted_is_not_restored(
    tmp_path: Path, ending: str, pack: Callable[[bytes], bytes]
) -> None:
    """Only the last of a chain is hashed again before; those below it may be written over."""
    whole = pack(DUMP + END)
    given = candidate(tmp_path, f"nova.sql{ending}", whole[:-40])
    with pytest.raises(NotVerified, match="has no end"):
        list(plain(given))
    given = candidate(tmp_path, f"cinder.sql{ending}", whole[:20] + b"x" * 40 + whole[60:])
    with pytest.raises(NotVerified, match="damaged"):
        list(plain(given))
    Path(given.path).unlink()
    with pytest.raises(Refused, match="cannot read"):
        list(plain(given))
