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

PROGRAM = Program(
    name="day2_logs", imports=("log_masks", "log_times", "log_groups", "log_scanner", "log_finder")
)
KIND = "logs"
HINTS = {
    "denied": "setting clouds.NAME.kolla.become: true lets Ansible read as root",
    "missing": "setting clouds.NAME.logs.folder or .source",
    "late": "setting clouds.NAME.logs.host_seconds or .host_read_mib_max",
    "crowd": "what was kept is shown; mend the loudest service first",
}
# A hostile host could answer with a small document that is endless once it is unpacked.
# One that is well answers with less: `PLAIN_BYTES_MAX` of its program.
UNPACKED_BYTES_MAX = 64 << 20
GROUPS_MAX = 50_000
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
        marks: Sequence[str] = (),
    ) -> LogReading:
        """Read what was written between two moments, everywhere or on these hosts only.

        Lines with one of `marks` in them are read as well, whatever their level.

        A host that does not answer, and a file that a host could not read, is a gap.

        Raises:
            BadSettings, BadAnswer: when Ansible or the inventory cannot be used.
            BadUsage: when the inventory has no such host.

        """
        wanted = self._hosts(hosts)
        return self._run(wanted, self._arguments(since, until, services) | {"marks": list(marks)})

    def follow(
        self, requests: Sequence[str], since: datetime, until: datetime, *, lines_max: int
    ) -> LogReading:
        """Read every line that names one of these request ids, of any level, from all hosts.

        Each is a group of its own; no host gives more than `lines_max`, which then is a gap.

        Raises:
            BadSettings, BadAnswer: when Ansible or the inventory cannot be used.

        """
        more = {"requests": list(requests), "lines_max": lines_max}
        return self._run(self._hosts(()), self._arguments(since, until, ()) | more)

    def _arguments(
        self, since: datetime, until: datetime, services: Sequence[str]
    ) -> dict[str, Any]:
        settings = self._settings
        return {
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

    def _run(self, wanted: Sequence[InventoryHost], arguments: dict[str, Any]) -> LogReading:
        settings = self._settings
        events = self._ansible.run(
            PROGRAM,
            arguments,
            hosts=wanted,
            host_seconds=settings.host_seconds,
            seconds_max=settings.seconds_max,
        )
        whole = LogReading(source="")
        for host in wanted:
            try:
                found = self._answer(host, events.get(host.name))
            except Day2Error as error:
                whole.gaps.append(_gap(f"logs of {host.name}", error))
                continue
            # One host with files makes it a review of files.
            whole.source = found.source if whole.source in {"", "containers"} else whole.source
            whole.hosts += found.hosts
            whole.groups += found.groups
            whole.gaps += found.gaps
            whole.lines += found.lines
        return whole

    def _hosts(self, names: Sequence[str]) -> list[InventoryHost]:
        known = {host.name: host for host in self._ansible.hosts}
        missing = sorted(set(names) - set(known))
        if missing:
            raise BadUsage(
                f"the inventory has no host {', '.join(missing)}",
                hint=f"known: {', '.join(list(known)[:20])}",
            )
        return [known[name] for name in names] if names else list(known.values())

    def _answer(self, host: InventoryHost, event: dict[str, Any] | None) -> LogReading:
        if event is None:
            raise Unreachable(
                f"logs of {host.name}: no answer within {self._settings.seconds_max:g} s",
                hint="setting clouds.NAME.logs.seconds_max or clouds.NAME.kolla.forks",
            )
        result = event.get("res") or {}
        message = ansible.message(result)
        if ansible.silent(event):
            raise Unreachable(f"logs of {host.name}: it cannot be reached by Ansible: {message}")
        if result.get("day2") is None:
            why = self._cleaner.line(message) or "it answered in an unknown form"
            raise BadAnswer(f"logs of {host.name}: not readable: {why}")
        return reading_of(host.name, result["day2"], self._cleaner)


def reading_of(host: str, answer: object, clean: Cleaner) -> LogReading:
    """Read what the program on a host answered.

    Raises:
        BadAnswer: when it is not what the program answers.

    """
    try:
        told = msgspec.convert(answer, _Answer, strict=False)
    except msgspec.ValidationError:
        raise BadAnswer(f"logs of {host}: it answered in an unknown form") from None
    packed = _unpacked(host, told.packed)
    groups = [
        LogGroup(
            host=host,
            file=clean.line(file.name),
            text=clean.clean(group.text),
            count=max(1, group.count),
            first_at=_moment(group.first),
            last_at=_moment(group.last),
        )
        for file in packed.files
        for group in file.groups
    ]
    gaps = [_gap(f"logs of {host}", _problem(host, one, clean)) for one in packed.errors]
    source = told.source if told.source == "containers" else "files"
    return LogReading(source=source, groups=groups, hosts=[host], lines=told.lines, gaps=gaps)


def _problem(host: str, problem: _Problem, clean: Cleaner) -> Day2Error:
    text = f"logs of {host}: {clean.line(problem.what)}: {clean.line(problem.why)}"
    hint = HINTS.get(problem.kind, "")
    if problem.kind == "denied":
        return Denied(text, hint=hint)
    if problem.kind in {"missing", "late"}:
        return Unreachable(text, hint=hint)
    return BadAnswer(text, hint=hint)


def _gap(what: str, error: Day2Error) -> Gap:
    return Gap(kind=KIND, what=what, error=error.kind, message=str(error), hint=error.hint)


def _unpacked(host: str, text: str) -> _Packed:
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text, validate=True), UNPACKED_BYTES_MAX)
        # Before it is taken apart: each becomes several objects, and is cleaned by itself.
        many = sum(data.count(name) for name in (b'"text"', b'"why"', b'"groups"')) > GROUPS_MAX
        if many or unpacker.unconsumed_tail:
            raise BadAnswer(f"logs of {host}: it answered with more than a host has to say")
        return msgspec.json.decode(data, type=_Packed)
    except (binascii.Error, zlib.error, msgspec.MsgspecError, ValueError, RecursionError):
        raise BadAnswer(f"logs of {host}: it answered in an unknown form") from None


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
