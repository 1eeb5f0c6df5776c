# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.backup`: backups and restores of one database of more than 2 GiB, by every road.

The guide's way (`mysqldump | gzip`, `zcat | mysql`), the bare programs of the server into nothing,
and day2's: hashed, compressed, encrypted to two recipients, and back with all of that checked.
Before each line the server is started anew and the page cache is dropped (as root).
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import backup_data
from bench.bounds import Bound
from day2.adapters.clock import SystemClock
from day2.adapters.database import contents, dump, loading, physical, placing, proving
from day2.adapters.database.beside import Beside
from day2.adapters.database.loading import Ways
from day2.adapters.vaults import keys
from day2.adapters.vaults.plain import Plain
from day2.adapters.vaults.settings import PlainSettings
from day2.adapters.vaults.vault import Draft
from day2.model.backup import Found, Kind, Method
from lab.database_server import PASSWORD, Real

MIB = 1 << 20
# As Kolla's: rows in the binary log.
OPTIONS = ("--innodb-buffer-pool-size=1G", "--innodb-log-file-size=256M")


@dataclass(frozen=True)
class Took:
    """How long one line took, and what it left behind."""

    title: str
    seconds: float
    bytes: int = 0
    more: str = ""


class Bench:
    """One run in one folder; the database is a copy that every line reads anew."""

    def __init__(self, folder: Path, cache: Path, servers: int, level: int) -> None:
        """Prepare the database and the vault; the first time it takes minutes."""
        self.folder = folder
        self.cache = cache
        self.prepared = backup_data.prepared(cache, servers)
        self.password_file = folder / "password.cnf"
        quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        self.password_file.write_text(f'[client]\npassword="{quoted}"\n')
        identity, escrow = folder / "identity", folder / "escrow"
        now = SystemClock().now()
        self.settings = PlainSettings(
            path=str(folder / "vault"),
            reserve_gib=0,
            level=level,
            recipients=[keys.generate(identity, now), keys.generate(escrow, now)],
            identity_file=str(identity),
        )
        (folder / "vault").mkdir()
        self.vault = Plain(self.settings, name="bench", cloud="bench", clock=SystemClock())

    @contextmanager
    def source(self) -> Iterator[Real]:
        """Start the server of the database, cold."""
        real = Real(self.prepared, options=OPTIONS)
        cold()
        real.start()
        try:
            yield real
        finally:
            real.stop()

    @contextmanager
    def target(self, name: str) -> Iterator[Real]:
        """Start a server with nothing in it, cold."""
        real = Real(self.folder / name, options=OPTIONS)
        real.install(self.prepared / "template")
        cold()
        real.start()
        try:
            yield real
        finally:
            real.stop()
            shutil.rmtree(real.folder)

    def guide(self) -> Took:
        """Dump as the guide does, except that the password is in a file."""
        file = self.folder / "guide.sql.gz"
        with self.source() as real:
            words = f"--defaults-extra-file={self.password_file} -uday2 --socket={real.socket}"
            flags = "--all-databases --single-transaction --routines --triggers"
            seconds = shell(f"mysqldump {words} {flags} | gzip > {file}")
        return Took("guide: mysqldump | gzip", seconds, file.stat().st_size)

    def bare_dump(self) -> Took:
        """Dump into nothing, with our flags."""
        with self.source() as real:
            words = f"--defaults-extra-file={self.password_file} -uday2 --socket={real.socket}"
            flags = " ".join([*dump.FLAGS, *dump.POSITION])
            schemas = "--databases nova neutron placement"
            seconds = shell(f"mariadb-dump {words} {flags} {schemas} > /dev/null")
        return Took("bare: mariadb-dump > /dev/null", seconds)

    def our_dump(self) -> Took:
        """Take a set."""
        with self.source() as real:
            found, seconds = in_a_process(self, "dump", real)
        return Took(
            "day2: dump, hashed, zstd, age to two",
            seconds,
            found.manifest.stored_bytes,
            f"{found.manifest.bytes / MIB:,.0f} MiB read",
        )

    def bare_physical(self) -> Took:
        """Copy the files into nothing."""
        with self.source() as real:
            words = f"--defaults-extra-file={self.password_file} --user=day2 --socket={real.socket}"
            flags = f"--backup --stream=mbstream --target-dir={self.folder / 'bare'}"
            seconds = shell(f"mariadb-backup {words} {flags} > /dev/null")
        return Took("bare: mariadb-backup --stream > /dev/null", seconds)

    def our_physical(self) -> Took:
        """Take a set of files."""
        with self.source() as real:
            found, seconds = in_a_process(self, "full", real)
        return Took(
            "day2: files, hashed, zstd, age to two",
            seconds,
            found.manifest.stored_bytes,
            f"{found.manifest.bytes / MIB:,.0f} MiB read",
        )

    def guide_restore(self) -> Took:
        """Replay as the guide does."""
        with self.target("replayed") as real:
            words = f"--defaults-extra-file={self.password_file} -uday2 --socket={real.socket}"
            seconds = shell(f"zcat {self.folder / 'guide.sql.gz'} | mysql {words}")
        return Took("guide: zcat | mysql", seconds)

    def our_restore(self, found: Found) -> list[Took]:
        """Decrypt, check and load; then once more with the proof."""
        with self.target("loaded") as real:
            into = self.folder / "fetched"
            into.mkdir()
            began = time.monotonic()
            artefact = next(a for a in found.manifest.artefacts if a.of == "dump")
            file = self.vault.fetch(found, artefact, into)
            fetched = time.monotonic() - began
            told = loading.index(file)
            server = real.server()
            loading.load(server, file, told, ways=Ways(logged=False))
            loaded = time.monotonic() - began
            again = dump.write(server, contents.read(server), _nowhere, told={})
            proving.require_same(told, again, what="the restored server")
            proven = time.monotonic() - began
        shutil.rmtree(into)
        return [
            Took("day2: decrypt, check, load", loaded, more=f"{fetched:.1f} s of it to decrypt"),
            Took("day2: the same, and proven by a second dump", proven),
        ]

    def our_physical_restore(self, found: Found) -> Took:
        """Decrypt, unpack, prepare, put in place, start."""
        real = Real(self.folder / "placed", options=OPTIONS)
        real.folder.mkdir()
        real.data.mkdir()
        into = self.folder / "fetched-files"
        into.mkdir()
        cold()
        began = time.monotonic()
        file = self.vault.fetch(found, found.manifest.artefacts[0], into)
        fetched = time.monotonic() - began
        unpacked = self.folder / "unpacked"
        physical.extract(Beside(), _parts(file), unpacked)
        physical.prepare(Beside(), unpacked, memory_mib=1024)
        placing.place(unpacked, real.data, aside=self.folder / "aside")
        real.start()
        seconds = time.monotonic() - began
        rows = real.sql("SELECT COUNT(*) FROM nova.instances")
        real.stop()
        for left in (real.folder, unpacked, into):
            shutil.rmtree(left)
        return Took(
            "day2: decrypt, check, unpack, prepare, place, start",
            seconds,
            more=f"{fetched:.1f} s of it to decrypt; {rows[0][0]} servers",
        )


def worker(kind: str, given: dict[str, str]) -> dict[str, object]:
    """Take one set in this process, and return its id and this process's largest memory."""
    settings = PlainSettings(
        path=given["vault"],
        reserve_gib=0,
        level=int(given["level"]),
        recipients=given["recipients"].split(),
    )
    vault = Plain(settings, name="bench", cloud="bench", clock=SystemClock())
    real = Real(Path(given["folder"]))
    server = real.server()
    method = Method.LOGICAL if kind == "dump" else Method.FULL
    draft = Draft(
        id=f"database-20261126-060000-{'1a2b' if kind == 'dump' else '3c4d'}",
        kind=Kind.DATABASE,
        method=method,
        region="",
        foundation="kolla",
        by="bench",
    )
    with vault.write(draft) as writer:
        if kind == "dump":
            accounts = bytearray()
            with writer.sink("dump", "dump.sql") as sink:
                taken = dump.take(server, dump=sink.write, accounts=accounts.extend)
        else:
            with writer.sink("files", "files.mbstream") as sink:
                taken = physical.take(server, sink.write)
        found = writer.commit(source=taken.source, exits=taken.exits)
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "id": found.manifest.id,
        "rss_mib": used.ru_maxrss / 1024,
        "cpu": used.ru_utime + used.ru_stime,
    }


MEMORY: list[float] = []


def in_a_process(bench: Bench, kind: str, real: Real) -> tuple[Found, float]:
    """Take a set in a process of its own: its memory is its own, and its start counts."""
    given = {
        "vault": bench.settings.path,
        "recipients": " ".join(bench.settings.recipients),
        "folder": str(real.folder),
        "level": str(bench.settings.level),
    }
    words = [sys.executable, "-m", "bench.backup", "--take", kind, "--given", json.dumps(given)]
    began = time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told = json.loads(done.stdout)
    MEMORY.append(float(told["rss_mib"]))
    print(
        f"  {kind}: {told['cpu']:.1f} s of processor in day2, {told['rss_mib']:.0f} MiB", flush=True
    )
    return bench.vault.find(str(told["id"])), seconds


def shell(line: str) -> float:
    """Run a line of shell and return how long it took."""
    began = time.monotonic()
    subprocess.run(["bash", "-o", "pipefail", "-c", line], check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def cold() -> None:
    """Forget every file that was read."""
    subprocess.run(["sync"], check=True)
    if os.geteuid() == 0:
        Path("/proc/sys/vm/drop_caches").write_text("3")


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as opened:
        while part := opened.read(MIB):
            yield part


def _nowhere(part: bytes) -> None:
    del part


def table(bench: Bench) -> list[Bound]:
    """Print one row for each road; return what they must keep."""
    print(f"{'':<52} {'seconds':>8} {'MiB left':>9}")

    def show(line: Callable[[], Took]) -> Took:
        took = line()
        left = f"{took.bytes / MIB:>9,.0f}" if took.bytes else f"{'':>9}"
        print(f"{took.title:<52} {took.seconds:>8.1f} {left}  {took.more}", flush=True)
        return took

    bare, ours = show(bench.bare_dump), show(bench.our_dump)
    bare_files, our_files = show(bench.bare_physical), show(bench.our_physical)
    guide = show(bench.guide)
    sets = {found.manifest.method: found for found in bench.vault.sets()}
    placed = show(lambda: bench.our_physical_restore(sets[Method.FULL]))
    loaded, proven = bench.our_restore(sets[Method.LOGICAL])
    show(lambda: loaded)
    show(lambda: proven)
    replayed = show(bench.guide_restore)
    return [
        Bound("guide / day2, dump", guide.seconds / ours.seconds, 5, at_least=True),
        Bound("size of day2's / of the guide's", ours.bytes / guide.bytes, 1.1),
        Bound("day2's dump / bare dump", ours.seconds / bare.seconds, 1.5),
        Bound("day2's files / bare files", our_files.seconds / bare_files.seconds, 1.5),
        Bound("guide / day2, load", replayed.seconds / loaded.seconds, 1.5, at_least=True),
        Bound("guide / day2, files back", replayed.seconds / placed.seconds, 4, at_least=True),
        Bound("largest memory", max(MEMORY), 200, " MiB"),
    ]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=backup_data.SERVERS)
    parser.add_argument(
        "--level",
        type=int,
        default=PlainSettings().level,
        help="of zstd; the vault's is the default",
    )
    parser.add_argument("--take", help=argparse.SUPPRESS)
    parser.add_argument("--given", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.take:
        print(json.dumps(worker(given.take, json.loads(given.given))))
        return 0
    cache = Path(tempfile.gettempdir()) / "day2-bench-backup"
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="day2-bench-") as folder:
        bounds = table(Bench(Path(folder), cache, given.servers, given.level))
    print()
    for bound in bounds:
        print(bound)
    print(f"\n{os.cpu_count()} cores, load {load:.1f} before")
    return 0 if all(bound.met for bound in bounds) else 1


if __name__ == "__main__":
    sys.exit(main())
