# SPDX-License-Identifier: Apache-2.0
"""The logs of every host, by Ansible: one run; each host reads its own and answers with errors."""

import base64
import binascii
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from day2.adapters import ansible
from day2.adapters.ansible import Ansible, Program
from day2.adapters.kolla.inventory import InventoryHost
from day2.adapters.kolla.settings import KollaSettings
from day2.adapters.logs.cleaning import Cleaner
from day2.adapters.logs.settings import LogSettings
from day2.errors import BadAnswer, BadUsage, Day2Error, Denied, Unreachable
from day2.model.logs import LogGroup, LogReading
from day2.model.survey import Gap

PROGRAM = Program(name="day2_logs", imports=("log_masks", "log_times", "log_groups", "log_scanner"))
KIND = "logs"
# A hostile host could answer with a small document that is endless once it is unpacked.
UNPACKED_BYTES_MAX = 256 << 20
# What a host says of a file in the time that it takes to connect and to answer.
MARGIN_SECONDS = 5.0


class _Group(msgspec.Struct, frozen=True):
    count: int
    text: str
    first: float | None = None
    last: float | None = None


class _File(msgspec.Struct, frozen=True):
    name: str
    groups: list[_Group]


class _Problem(msgspec.Struct, frozen=True):
    kind: str
    what: str
    why: str


class _Packed(msgspec.Struct, frozen=True):
    files: list[_File] = []
    errors: list[_Problem] = []


class _Answer(msgspec.Struct, frozen=True):
    packed: str
    source: str = "files"
    lines: int = 0


class HostLogs:
    """The logs of the hosts of one inventory."""

    def __init__(
        self, settings: LogSettings, kolla: KollaSettings, hosts: Ansible, cleaner: Cleaner
    ) -> None:
        self._settings = settings
        self._kolla = kolla
        self._ansible = hosts
        self._cleaner = cleaner

    def read(
        self,
        since: datetime,
        until: datetime,
        *,
        services: Sequence[str] = (),
        hosts: Sequence[str] = (),
    ) -> LogReading:
        """Read what was written between two moments, everywhere or on these hosts only.

        A host that does not answer, and a file that a host could not read, is a gap.

        Raises:
            BadSettings, BadAnswer: when Ansible or the inventory cannot be used.
            BadUsage: when the inventory has no such host.

        """
        settings = self._settings
        wanted = self._hosts(hosts)
        arguments = {
            "since": since.timestamp(),
            "until": until.timestamp(),
            "source": settings.source,
            "folder": settings.folder,
            "engine": self._kolla.container_engine,
            "seconds": max(1.0, settings.host_seconds - MARGIN_SECONDS),
            "read_bytes": settings.host_read_mib_max << 20,
            "answer_bytes": settings.host_answer_kib_max << 10,
            "services": list(services),
        }
        events = self._ansible.run(
            PROGRAM,
            arguments,
            hosts=wanted,
            host_seconds=settings.host_seconds,
            seconds_max=settings.seconds_max,
        )
        reading = LogReading(source="files")
        sources = set()
        for host in wanted:
            try:
                answer = self._answer(host, events.get(host.name))
                self._take(reading, host, answer)
                sources.add(answer.source)
            except Day2Error as error:
                reading.gaps.append(_gap(f"logs of {host.name}", error))
        if sources == {"containers"}:
            reading.source = "containers"
        return reading

    def _hosts(self, names: Sequence[str]) -> list[InventoryHost]:
        known = {host.name: host for host in self._ansible.hosts}
        missing = sorted(set(names) - set(known))
        if missing:
            raise BadUsage(
                f"the inventory has no host {', '.join(missing)}",
                hint=f"known: {', '.join(list(known)[:20])}",
            )
        return [known[name] for name in names] if names else list(known.values())

    def _answer(self, host: InventoryHost, event: dict[str, Any] | None) -> _Answer:
        if event is None:
            raise Unreachable(
                f"logs of {host.name}: no answer within {self._settings.seconds_max:g} s",
                hint="setting clouds.NAME.logs.seconds_max or clouds.NAME.kolla.forks",
            )
        result = event.get("res") or {}
        message = ansible.message(result)
        if ansible.silent(event):
            raise Unreachable(f"logs of {host.name}: it cannot be reached by Ansible: {message}")
        try:
            return msgspec.convert(result.get("day2"), _Answer, strict=False)
        except msgspec.ValidationError:
            why = self._cleaner.line(message) or "it answered in an unknown form"
            raise BadAnswer(f"logs of {host.name}: not readable: {why}") from None

    def _take(self, reading: LogReading, host: InventoryHost, answer: _Answer) -> None:
        packed = _unpacked(host.name, answer.packed)
        clean = self._cleaner
        reading.hosts.append(host.name)
        reading.lines += answer.lines
        for file in packed.files:
            reading.groups += [
                LogGroup(
                    host=host.name,
                    file=clean.line(file.name),
                    text=clean.clean(group.text),
                    count=max(1, group.count),
                    first_at=_moment(group.first),
                    last_at=_moment(group.last),
                )
                for group in file.groups
            ]
        for problem in packed.errors:
            reading.gaps.append(_gap(f"logs of {host.name}", self._problem(host.name, problem)))

    def _problem(self, host: str, problem: _Problem) -> Day2Error:
        what, why = self._cleaner.line(problem.what), self._cleaner.line(problem.why)
        text = f"logs of {host}: {what}: {why}"
        if problem.kind == "denied":
            return Denied(
                text, hint="setting clouds.NAME.kolla.become: true lets Ansible read as root"
            )
        if problem.kind == "missing":
            return Unreachable(text, hint="setting clouds.NAME.logs.folder or .source")
        if problem.kind == "late":
            return Unreachable(
                text, hint="setting clouds.NAME.logs.host_seconds or .host_read_mib_max"
            )
        if problem.kind == "crowd":
            return BadAnswer(text, hint="what was kept is shown; mend the loudest service first")
        return BadAnswer(text)


def _gap(what: str, error: Day2Error) -> Gap:
    return Gap(kind=KIND, what=what, error=error.kind, message=str(error), hint=error.hint)


def _unpacked(host: str, text: str) -> _Packed:
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), UNPACKED_BYTES_MAX)
        return msgspec.json.decode(data, type=_Packed)
    except (binascii.Error, zlib.error, msgspec.MsgspecError, ValueError, RecursionError):
        raise BadAnswer(f"logs of {host}: it answered in an unknown form") from None


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
