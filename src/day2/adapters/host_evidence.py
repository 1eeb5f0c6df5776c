# SPDX-License-Identifier: Apache-2.0
"""What each host can tell of a bad night: one run of the cloud's own Ansible asks all of them.

What they answer passes through Ansible's files sealed, is opened in memory, and cleaned there.
"""

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from day2.adapters import ansible
from day2.adapters.ansible import Ansible, Program
from day2.adapters.containers import moment
from day2.adapters.kolla.inventory import InventoryHost
from day2.adapters.logs.cleaning import Cleaner
from day2.adapters.remote import day2_evidence
from day2.adapters.sealed import Key
from day2.errors import BadAnswer, Day2Error, Denied, Unreachable
from day2.model.evidence import (
    ChangedFile,
    HostEvidence,
    ImageInUse,
    Lack,
    OddContainer,
    Tail,
)

PROGRAM = Program(name="day2_evidence", imports=("log_masks", "host_facts", "sealing"))
MARGIN_SECONDS = 5.0
# Of a larger cloud only what changed is listed: a million names tell nobody anything.
FILES_OF_HOSTS_MAX = 50
LOCAL = "deployment host"


class _Container(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    why: list[str] = []
    state: str = ""
    health: str = ""
    health_said: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    restarts: int = 0
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    image: str = ""


class _Tail(msgspec.Struct, frozen=True, kw_only=True):
    container: str
    source: str
    lines: list[str] = []


class _File(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    changed_at: float = 0.0
    bytes: int = 0
    since: bool = False
    sha256: str = ""
    salted: str = ""


class _Image(msgspec.Struct, frozen=True, kw_only=True):
    image: str = ""
    id: str = ""
    digests: list[str] = []
    containers: list[str] = []


class _Address(msgspec.Struct, frozen=True, kw_only=True):
    interface: str = ""
    address: str = ""


class _Lack(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    why: str = ""
    kind: str = ""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    addresses: list[_Address] | None = None
    containers: list[_Container] = []
    containers_total: int = 0
    tails: list[_Tail] = []
    images: list[_Image] = []
    keys: dict[str, str] = {}
    files: list[_File] = []
    files_total: int | None = None
    processes: list[str] = []
    errors: list[_Lack] = []


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What every host is asked for, and how much it may take."""

    since: datetime
    config_folder: str
    log_folder: str
    engine: str
    lines: int
    tails_max: int
    files_max: int
    host_seconds: float
    seconds_max: float


class EvidenceOfHosts:
    """The hosts of one inventory; `clean` masks whatever they say."""

    def __init__(self, hosts: Ansible, clean: Cleaner) -> None:
        self._ansible = hosts
        self._clean = clean
        # One for a whole collection: what is the same on two hosts has the same mark on both.
        self._salt = secrets.token_bytes(16)

    def gather(self, question: Question) -> list[HostEvidence]:
        """Ask every host at once, by its name; a host that told nothing says why.

        Raises:
            BadSettings, BadAnswer: when Ansible or the inventory cannot be used.

        """
        key = Key()
        hosts = self._ansible.hosts
        arguments = {
            "since": question.since.timestamp(),
            "config_folder": question.config_folder,
            "log_folder": question.log_folder,
            "engine": question.engine,
            "lines": question.lines,
            "tails_max": question.tails_max,
            "files_max": question.files_max,
            "files_all": len(hosts) <= FILES_OF_HOSTS_MAX,
            "seconds": max(1.0, question.host_seconds - MARGIN_SECONDS),
            "salt": self._salt.hex(),
            "key": key.public,
        }
        events = self._ansible.run(
            PROGRAM,
            arguments,
            hosts=hosts,
            host_seconds=question.host_seconds,
            seconds_max=question.seconds_max,
        )
        found = []
        for host in hosts:
            try:
                found.append(self._told(host, events.get(host.name), key))
            except Day2Error as error:
                why = self._clean.line(str(error))
                found.append(HostEvidence(host=host.name, groups=list(host.groups), error=why))
        return found

    def local(self, folders: Sequence[Path], since: datetime, files_max: int) -> HostEvidence:
        """Tell the files below folders of this machine, as the hosts tell theirs."""
        rows: list[ChangedFile] = []
        lacks: list[Lack] = []
        total = 0
        for folder in folders:
            given = {
                "since": since.timestamp(),
                "files_all": True,
                "files_max": files_max,
                "salt": self._salt.hex(),
            }
            gathering = day2_evidence.Gathering(given)
            listed, count = gathering.files(str(folder))
            files = msgspec.convert(listed, list[_File])
            rows += [self._file(one) for one in files]
            lacks += [self._lack(msgspec.convert(one, _Lack)) for one in gathering.errors]
            total += count or 0
        return HostEvidence(host=LOCAL, files=rows, files_total=total, lacks=lacks)

    def _told(self, host: InventoryHost, event: dict[str, Any] | None, key: Key) -> HostEvidence:
        if event is None:
            raise Unreachable(f"{host.name}: no answer in time")
        result = event.get("res") or {}
        message = ansible.message(result)
        if ansible.silent(event):
            raise Unreachable(f"{host.name} cannot be reached by Ansible: {message}")
        if result.get("day2") is None:
            raise BadAnswer(f"{host.name}: {message or 'it answered in an unknown form'}")
        document = key.open(host.name, result["day2"])
        try:
            told = msgspec.json.decode(document, type=_Answer, strict=False)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise BadAnswer(f"{host.name}: it answered in an unknown form") from None
        line = self._clean.line
        return HostEvidence(
            host=host.name,
            groups=list(host.groups),
            addresses=None
            if told.addresses is None
            else [(line(one.interface), line(one.address)) for one in told.addresses],
            containers=[self._container(one) for one in told.containers],
            containers_total=told.containers_total,
            tails=[
                Tail(
                    container=line(one.container),
                    source=line(one.source),
                    lines=self._clean.lines(one.lines),
                )
                for one in told.tails
            ],
            images=[
                ImageInUse(
                    image=line(one.image),
                    id=line(one.id),
                    digests=[line(digest) for digest in one.digests],
                    containers=[line(name) for name in one.containers],
                )
                for one in told.images
            ],
            keys={line(name): line(mark) for name, mark in told.keys.items()},
            files=[self._file(one) for one in told.files],
            files_total=told.files_total,
            processes=self._clean.lines(told.processes),
            lacks=[self._lack(one) for one in told.errors],
        )

    def _container(self, told: _Container) -> OddContainer:
        line = self._clean.line
        return OddContainer(
            name=line(told.name),
            why=[line(word) for word in told.why],
            state=line(told.state),
            health=line(told.health),
            health_said=line(told.health_said),
            exit_code=told.exit_code,
            oom_killed=told.oom_killed,
            error=line(told.error),
            restarts=told.restarts,
            created_at=moment(told.created_at),
            started_at=moment(told.started_at),
            finished_at=moment(told.finished_at),
            image=line(told.image),
        )

    def _file(self, told: _File) -> ChangedFile:
        return ChangedFile(
            path=self._clean.line(told.path),
            changed_at=_moment(told.changed_at),
            bytes=told.bytes,
            since=told.since,
            sha256=told.sha256[:64],
            salted=told.salted[:12],
        )

    def _lack(self, told: _Lack) -> Lack:
        error = {"denied": Denied, "missing": Unreachable, "late": Unreachable}
        return Lack(
            what=self._clean.line(told.what),
            why=self._clean.line(told.why),
            error=error.get(told.kind, BadAnswer).__name__,
        )


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
