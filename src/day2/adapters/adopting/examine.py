# SPDX-License-Identifier: Apache-2.0
"""What is in a backup that others took: read once, from its first byte to its last.

`gzip -t` calls a file of 20 bytes good. What counts is whether the dump says that it completed, and
whether every file of a physical backup has its end.
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
import zstandard

from day2.adapters.adopting.recognise import Candidate, Form

PART = 1 << 20
HEAD = 64 << 10
COMPLETED = b"-- Dump completed"
DATABASE = re.compile(rb"^(?:-- Current Database: |USE )`([^`]{1,200})`", re.MULTILINE)
HOST = re.compile(rb"^-- Host: .*?Database: ?(\S*)", re.MULTILINE)
SERVER = re.compile(rb"^-- Server version\t(\S+)", re.MULTILINE)
# At the beginning of a line only: the server's own help pages are in a dump of everything.
POSITION = re.compile(rb"^(?:-- )?(?:CHANGE MASTER TO|SET GLOBAL gtid_slave_pos)", re.MULTILINE)


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """What was found; `wrong` says why it cannot be what its name says, empty when it may be."""

    stored_bytes: int
    sha256: str
    bytes: int
    facts: dict[str, Any] = {}
    wrong: str = ""
    lacks: list[str] = []


class Reader(Protocol):
    """Takes the plain bytes of a backup, part by part."""

    def feed(self, part: bytes) -> None:
        """Take the next bytes."""

    def told(self) -> tuple[dict[str, Any], str, list[str]]:
        """Return facts, what is wrong, and what is missing though nothing is wrong."""


def examine(candidate: Candidate, say: Callable[[str], None]) -> Examined:
    """Read a backup to its end.

    Raises:
        OSError: when it cannot be read.

    """
    digest = hashlib.sha256()
    stored = plain = 0
    reader: Reader = _Dump() if candidate.form is Form.DUMP else _Physical()
    broken = ""
    with Path(candidate.path).open("rb") as opened:
        unpack = unpacking(candidate.compression)
        while part := opened.read(PART):
            digest.update(part)
            stored += len(part)
            if stored % (256 * PART) == 0:
                say(f"{candidate.path}: {stored >> 20} MiB")
            if broken:
                continue
            try:
                for piece in unpack.feed(part):
                    plain += len(piece)
                    reader.feed(piece)
            except DAMAGE as error:
                broken = f"damaged: {error}"
    facts, wrong, lacks = reader.told()
    if not broken and not unpack.ended:
        broken = "truncated: the compressed file has no end"
    if not plain:
        wrong = f"empty: {stored} bytes on disk, nothing inside"
    return Examined(
        stored_bytes=stored,
        sha256=digest.hexdigest(),
        bytes=plain,
        facts=facts,
        wrong=broken or wrong,
        lacks=lacks,
    )


class _Gzip:
    """Members one after another, as gzip and pigz write them."""

    def __init__(self) -> None:
        self._one = zlib.decompressobj(wbits=31)
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._one.eof or not self._begun

    def feed(self, part: bytes) -> Iterator[bytes]:
        while part:
            if self._one.eof:
                # What `cp` or a tape pads with is no member.
                if not part.strip(b"\0"):
                    return
                self._one = zlib.decompressobj(wbits=31)
            self._begun = True
            yield self._one.decompress(part, PART)
            part = self._one.unconsumed_tail or self._one.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._one = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False

    @property
    def ended(self) -> bool:
        return self._one.eof or not self._begun

    def feed(self, part: bytes) -> Iterator[bytes]:
        while part:
            if self._one.eof:
                self._one = zstandard.ZstdDecompressor().decompressobj()
            self._begun = True
            yield self._one.decompress(part)
            part = self._one.unused_data if self._one.eof else b""


class _Plain:
    ended = True

    def feed(self, part: bytes) -> Iterator[bytes]:
        yield part


DAMAGE = (zlib.error, zstandard.ZstdError)


def unpacking(compression: str) -> "_Gzip | _Zstd | _Plain":
    """Return what unpacks a file part by part, and tells whether it came to its end."""
    if compression == "gzip":
        return _Gzip()
    return _Zstd() if compression == "zstd" else _Plain()


class _Dump:
    """A logical dump: who wrote it, of what, and whether it says that it completed."""

    def __init__(self) -> None:
        self._head = b""
        self._tail = b""
        self._schemas: set[str] = set()
        self._tables = 0
        self._rest = b""
        self._position = False

    def feed(self, part: bytes) -> None:
        if len(self._head) < HEAD:
            self._head += part[: HEAD - len(self._head)]
        self._tail = (self._tail + part)[-HEAD:]
        text = self._rest + part
        # A name that is cut in two is seen whole with the next part: whole lines only.
        cut = text.rfind(b"\n") + 1
        self._rest = text[cut:][-HEAD:]
        text = text[:cut]
        self._tables += text.count(b"\nCREATE TABLE ")
        self._schemas.update(name.decode(errors="replace") for name in DATABASE.findall(text))
        self._position = self._position or POSITION.search(text) is not None

    def told(self) -> tuple[dict[str, Any], str, list[str]]:
        named = HOST.search(self._head)
        if named and named[1]:
            self._schemas.add(named[1].decode(errors="replace"))
        server = SERVER.search(self._head)
        facts: dict[str, Any] = {
            "schemas": sorted(self._schemas),
            "tables": self._tables,
            "server_version": server[1].decode(errors="replace") if server else "",
        }
        lacks = []
        if not self._position:
            lacks.append("no binlog position: nothing can be replayed after it")
        if b"mysql" not in {name.encode() for name in self._schemas}:
            lacks.append("no accounts of the database")
        if not server:
            return facts, "it does not begin as a dump does", lacks
        if COMPLETED not in self._tail:
            return facts, "it does not say at its end that it completed", lacks
        return facts, "" if self._tables else "it has no table", lacks


class _Physical:
    """A stream of mariadb-backup: chunks with a checksum each, and an end of each file."""

    MAGIC = b"XBSTCK01"
    KEPT = ("xtrabackup_info", "mariadb_backup_info", "xtrabackup_checkpoints")
    KEPT_MORE = ("mariadb_backup_checkpoints",)
    HEADER = 14
    PAYLOAD_HEADER = 20

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._open: set[str] = set()
        self._ended: set[str] = set()
        self._kept: dict[str, bytes] = {}
        self._wrong: str = ""

    def feed(self, part: bytes) -> None:
        if self._wrong:
            return
        self._buffer += part
        while self._chunk():
            pass

    def told(self) -> tuple[dict[str, Any], str, list[str]]:
        info = self._values("xtrabackup_info", "mariadb_backup_info")
        points = self._values("xtrabackup_checkpoints", "mariadb_backup_checkpoints")
        facts: dict[str, Any] = {
            "files": len(self._ended),
            "server_version": info.get("server_version", ""),
            "tool_version": info.get("tool_version", ""),
            "binlog_pos": info.get("binlog_pos", ""),
            "from_lsn": int(points.get("from_lsn", 0) or 0),
            "to_lsn": int(points.get("to_lsn", 0) or 0),
            "increment": points.get("backup_type", "").startswith("incremental"),
        }
        wrong = self._wrong
        if not wrong and self._buffer:
            wrong = "truncated: it ends within a file"
        if not wrong and self._open - self._ended:
            wrong = f"truncated: {len(self._open - self._ended)} files have no end"
        if not wrong and not points:
            wrong = "it has no checkpoints: the program that wrote it did not end well"
        return facts, wrong, []

    def _values(self, *names: str) -> dict[str, str]:
        text = next((self._kept[name] for name in names if name in self._kept), b"")
        lines = text.decode(errors="replace").splitlines()
        pairs = (line.partition("=") for line in lines)
        return {name.strip(): value.strip() for name, _is, value in pairs}

    def _chunk(self) -> bool:
        """Take one chunk from the buffer; False when it is not there whole."""
        buffer = self._buffer
        if len(buffer) < self.HEADER:
            return False
        if buffer[:8] != self.MAGIC:
            self._wrong = "it is not a stream of mariadb-backup, or damaged"
            return False
        kind = chr(buffer[9])
        length = int.from_bytes(buffer[10:14], "little")
        begin = self.HEADER + length
        if length > PART or len(buffer) < begin:
            self._wrong = "damaged: a file's name has no end" if length > PART else ""
            return False
        name = bytes(buffer[self.HEADER : begin]).decode(errors="replace")
        if kind == "E":
            self._ended.add(name)
            del buffer[:begin]
            return True
        return self._payload(name, kind, begin)

    def _payload(self, name: str, kind: str, begin: int) -> bool:
        buffer = self._buffer
        if kind not in "PS":
            self._wrong = f"damaged: a chunk of {name} is of no known kind"
            return False
        extra = 4 if kind == "S" else 0
        start = begin + extra + self.PAYLOAD_HEADER
        if len(buffer) < start:
            return False
        holes = int.from_bytes(buffer[begin : begin + extra], "little") if extra else 0
        size = int.from_bytes(buffer[begin + extra : begin + extra + 8], "little")
        checksum = int.from_bytes(buffer[start - 4 : start], "little")
        start += 8 * holes
        if size > 1 << 30:
            self._wrong = f"damaged: a chunk of {name} is {size} bytes long"
            return False
        if len(buffer) < start + size:
            return False
        self._open.add(name)
        with memoryview(buffer) as view:
            content = bytes(view[start : start + size])
        if not holes and zlib.crc32(content) != checksum:
            self._wrong = f"damaged: a chunk of {name} has another checksum"
            return False
        if name in (*self.KEPT, *self.KEPT_MORE):
            self._kept[name] = self._kept.get(name, b"") + content
        del buffer[: start + size]
        return True
