# SPDX-License-Identifier: Apache-2.0
"""Read a dump as it streams by: which sections it has, what each holds, and whether it is whole.

`mariadb-dump` writes one section for each thing, with a heading of three comment lines, and in the
data of a table one row on each line: line ends within values are escaped. So a line that begins
with `--` is a heading, and one that begins with `(` is a row, whatever a value says. The bodies of
triggers, routines and events are as their authors wrote them; they stand between two changes of the
delimiter, and nothing is looked for there.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from day2.errors import NotVerified

PREAMBLE, SCHEMA, SEQUENCE, TABLE, DATA, VIEW_STAND_IN, EVENTS, ROUTINES, VIEW = (
    "preamble",
    "schema",
    "sequence",
    "table",
    "data",
    "stand-in",
    "events",
    "routines",
    "view",
)
_KINDS = {
    b"Current Database: `": SCHEMA,
    b"Sequence structure for `": SEQUENCE,
    b"Table structure for table `": TABLE,
    b"Dumping data for table `": DATA,
    b"Temporary table structure for view `": VIEW_STAND_IN,
    b"Dumping events for database '": EVENTS,
    b"Dumping routines for database '": ROUTINES,
    b"Final view structure for view `": VIEW,
}
_HEADING = re.compile(rb"\n--\n-- ([^\n]*)\n--\n")
_MARK = b"\n--\n-- "
_OPENS = b"\nDELIMITER ;;\n"
_CLOSES = b"\nDELIMITER ;\n"
_FOOT = re.compile(rb"\n+(?:-- The deferred gtid|/\*!40103 SET TIME_ZONE=@OLD)[\s\S]*\Z")
_INSERT = re.compile(rb"\nINSERT INTO [^\n]*? VALUES([\n ])")
_TRAILER = re.compile(rb"\n-- Dump completed(?: on \d{4}-\d\d-\d\d +\d+:\d\d:\d\d)?\n\Z")
_POSITION = re.compile(rb"MASTER_LOG_FILE='([^'\n]*)', MASTER_LOG_POS=(\d+)")
_GTID = re.compile(rb"\n-- SET GLOBAL gtid_slave_pos='([^'\n]*)'")
_SERVER = re.compile(rb"\n-- Server version\s+(\S+)")
_LEFT_MAX = 16
_LINE_END, _ROW = ord("\n"), ord("(")
_Places = NDArray[np.intp]
_NOWHERE: _Places = np.array([], np.intp)
TEXT_MAX = 64 << 20
"""So much is kept in memory of a section that is not a table's data; they have kilobytes."""
TAIL = 4096


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One section of a dump: what it is of, where it lies, and what it holds.

    `start` and `end` are bytes of the stream. `rows` is None where rows cannot be told apart (a
    dump of an older program), and 0 for everything that is not data.
    """

    kind: str
    schema: str
    name: str
    start: int
    end: int
    sha256: str
    rows: int | None = 0


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole dump said; the position is that of its one snapshot, where it was asked for."""

    sections: list[Section]
    bytes: int
    server_version: str = ""
    log_file: str = ""
    log_position: int = 0
    gtid: str = ""

    def schemas(self) -> list[str]:
        """Return its schemas in their order."""
        return list(dict.fromkeys(s.schema for s in self.sections if s.kind == SCHEMA))

    def tables(self) -> dict[tuple[str, str], tuple[Section, Section | None]]:
        """Return the structure and the data of each table, by schema and name."""
        data = {(s.schema, s.name): s for s in self.sections if s.kind == DATA}
        return {
            (s.schema, s.name): (s, data.get((s.schema, s.name)))
            for s in self.sections
            if s.kind == TABLE
        }


class Reader:
    """Takes a dump part by part; keeps nothing of the rows."""

    def __init__(self) -> None:
        self._left = b""
        self._at = 0
        self._schema = ""
        self._kind, self._name, self._start = PREAMBLE, "", 0
        self._hash = hashlib.sha256()
        self._rows = 0
        self._telling: bool | None = None
        self._inside = False
        self._text = bytearray()
        self._tail = b""
        self._preamble = b""
        self._gtid = ""
        self._sections: list[Section] = []

    def feed(self, part: bytes) -> None:
        """Take the next bytes.

        Raises:
            NotVerified: when a section is of a size that none has.

        """
        if len(part) >= TAIL:
            self._tail = part[-TAIL:]
        else:
            self._tail = (self._tail + part)[-TAIL:]
        buffer = self._left + part if self._left else part
        end = _settled(buffer)
        self._scan(buffer, end)
        self._at += end
        self._left = buffer[end:]

    @property
    def waiting(self) -> int:
        """Return how many bytes of rows are kept until more arrives: a line of comment at most."""
        return len(self._left)

    def done(self) -> Dump:
        """Return what it was, at its end.

        Raises:
            NotVerified: when the program did not write that it had completed it, or a section
                stands twice.

        """
        if not _TRAILER.search(self._tail):
            raise NotVerified(
                "the dump is not whole: its last line does not say that it was completed",
                hint="take it again; look at what the dump's program said",
            )
        self._take(memoryview(self._left), _NOWHERE, 0, len(self._left))
        self._at += len(self._left)
        self._left = b""
        self._shut(self._at)
        names = [(s.kind, s.schema, s.name) for s in self._sections if s.kind != SCHEMA]
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise NotVerified(
                f"the dump has the section {' '.join(twice[0])!r} twice: a name or a body in it "
                "imitates one",
                hint="look for tables whose names hold line ends, and for DELIMITER in routines",
            )
        position = _POSITION.search(self._preamble)
        version = _SERVER.search(self._preamble)
        return Dump(
            sections=self._sections,
            bytes=self._at,
            server_version=version[1].decode(errors="replace") if version else "",
            log_file=position[1].decode(errors="replace") if position else "",
            log_position=int(position[2]) if position else 0,
            gtid=self._gtid,
        )

    def _scan(self, buffer: bytes, end: int) -> None:
        view = memoryview(buffer)
        letters = np.frombuffer(buffer, np.uint8)
        breaks = np.flatnonzero(letters[:-1] == _LINE_END)
        ahead = letters[breaks + 1] == _ROW
        rows = breaks[ahead]
        at = 0
        # Rows are told apart by the thousand; what is walked through are the few other lines.
        for line in breaks[~ahead].tolist():
            if line >= end:
                break
            if line < at:
                continue
            if self._inside:
                if buffer.startswith(_CLOSES, line):
                    # Its own line end is left: the next mark may begin with it.
                    at = self._take(view, rows, at, line + len(_CLOSES) - 1)
                    self._inside = False
            elif buffer.startswith(_OPENS, line):
                at = self._take(view, rows, at, line + len(_OPENS) - 1)
                self._inside = True
            elif buffer.startswith(_MARK, line):
                at = self._turn(view, buffer, rows, at, line)
            elif self._telling is None and (insert := _INSERT.match(buffer, line)):
                self._telling = insert[1] == b"\n"
        self._take(view, rows, at, end)

    def _turn(self, view: memoryview, buffer: bytes, rows: _Places, at: int, line: int) -> int:
        """Close a section before the heading that begins another; return where to go on."""
        found = _HEADING.match(buffer, line)
        of = _thing(found[1]) if found else None
        if found is None or of is None:
            return at
        self._take(view, rows, at, line + 1)
        self._shut(self._at + line + 1)
        kind, name = of
        if kind == SCHEMA:
            self._schema = name
        self._kind, self._name, self._start = kind, name, self._at + line + 1
        # The heading's last line end is left for what follows.
        return self._take(view, rows, line + 1, found.end() - 1)

    def _take(self, view: memoryview, rows: _Places, start: int, stop: int) -> int:
        if start >= stop:
            return start
        if self._kind == DATA:
            self._hash.update(view[start:stop])
            if not self._inside:
                first, last = np.searchsorted(rows, (start, stop))
                self._rows += int(last - first)
            return stop
        self._text += view[start:stop]
        if len(self._text) > TEXT_MAX:
            raise NotVerified(
                f"the dump's section {self._kind} {self._schema} {self._name} is larger than "
                f"{TEXT_MAX >> 20} MiB: this is no dump of mariadb-dump",
            )
        return stop

    def _shut(self, end: int) -> None:
        rows: int | None = 0
        if self._kind == DATA:
            rows = None if self._telling is False else self._rows
        else:
            text = bytes(self._text)
            if not self._gtid and (gtid := _GTID.search(text)):
                self._gtid = gtid[1].decode(errors="replace")
            self._hash.update(self._plain(text))
        if self._kind == PREAMBLE:
            self._preamble = bytes(self._text)
        self._sections.append(
            Section(
                kind=self._kind,
                schema=self._schema,
                name=self._name,
                start=self._start,
                end=end,
                sha256=self._hash.hexdigest(),
                rows=rows,
            )
        )
        self._hash, self._rows, self._telling = hashlib.sha256(), 0, None
        self._text.clear()

    def _plain(self, text: bytes) -> bytes:
        """Leave out what differs between two dumps of the same thing."""
        # Whether anything follows decides about the empty lines at its end.
        text = _FOOT.sub(b"", text).rstrip(b"\n")
        if self._kind != VIEW:
            return text
        # A server names the schema in each column of a view whose definer it does not know.
        own = self._schema.replace("`", "``").encode(errors="surrogateescape")
        return text.replace(b"`%s`." % own, b"")


def _settled(buffer: bytes) -> int:
    """Return how far a buffer can be judged: no mark may begin before it and end behind it."""
    last = buffer.rfind(b"\n")
    if last < 0:
        return len(buffer)
    line = buffer[last + 1 : last + 1 + _LEFT_MAX]
    if line and not (b"--".startswith(line[:2]) or b"DELIMITER ;;".startswith(line[:12])):
        return len(buffer)
    while (before := buffer.rfind(b"\n", 0, last)) >= 0 and buffer[
        before + 1 : before + 3
    ] == b"--":
        last = before
    return last


def _thing(heading: bytes) -> tuple[str, str] | None:
    for words, kind in _KINDS.items():
        if heading.startswith(words):
            name = heading[len(words) : -1].decode(errors="surrogateescape")
            return kind, name.replace("``", "`") if words.endswith(b"`") else name
    return None


def pieces(dump: Dump, schema: str) -> Iterator[Section]:
    """Give the sections of one schema, in their order."""
    return (s for s in dump.sections if s.schema == schema)
