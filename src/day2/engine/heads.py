# SPDX-License-Identifier: Apache-2.0
"""Copy the journal's end to where whoever edits the memory cannot reach."""

import logging
import logging.handlers
import os
import re
from datetime import datetime
from pathlib import Path

from day2.adapters.clock import Clock
from day2.engine.settings import JournalSettings
from day2.errors import BadSettings
from day2.memory import journal
from day2.memory.journal import Head
from day2.memory.store import Memory

LOG = logging.getLogger(__name__)
_TORN = re.compile(r"[0-9]{1,4}[0-9T:+-]*( [0-9]*(:[0-9a-f]*)?)?")
"""The beginning of what `append` writes."""


class Heads:
    """Exports heads as the settings say; a copy that fails is logged and never stops a run."""

    def __init__(self, memory: Memory, settings: JournalSettings, clock: Clock) -> None:
        self._memory = memory
        self._settings = settings
        self._clock = clock
        self._last = ""

    def export(self) -> None:
        """Copy the head, when it has moved."""
        if not self._settings.head_file and not self._settings.syslog:
            return
        head = journal.head(self._memory)
        if head.text == self._last:
            return
        self._last = head.text
        try:
            if self._settings.head_file:
                append(Path(self._settings.head_file), head, self._clock.now())
            if self._settings.syslog:
                _send(self._settings.syslog, head)
        except OSError as error:
            LOG.warning("the journal's head was not copied: %s", error)


def append(file: Path, head: Head, at: datetime) -> None:
    """Add a line `MOMENT N:HASH` to the end of a file, flushed to the disk."""
    handle = os.open(file, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        os.write(handle, f"{at.isoformat(timespec='seconds')} {head.text}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def copied(file: Path) -> list[Head]:
    """Read the heads that were copied to a file.

    A last line that ends in the middle was torn by a power cut; the next copy goes on behind it.

    Raises:
        BadSettings: when it cannot be read, or a line holds no head.

    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise BadSettings(f"cannot read the copied heads in {file}: {error.strerror}") from None
    found = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        said = line.strip("\0 \r\n")
        head = journal.read_head(said) if said else None
        if head is not None:
            found.append(head)
        elif said and (line.endswith("\n") or not _TORN.fullmatch(said)):
            raise BadSettings(f"{file}, line {number}: not a head of the journal")
    return found


def _send(place: str, head: Head) -> None:
    host, _colon, port = place.rpartition(":")
    address = (host, int(port)) if host and port.isdigit() else place
    handler = logging.handlers.SysLogHandler(address=address)
    try:
        text = f"day2: journal head {head.text}"
        handler.emit(logging.LogRecord("day2", logging.INFO, "", 0, text, None, None))
    finally:
        handler.close()
