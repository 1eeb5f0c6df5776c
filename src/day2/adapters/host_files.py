# SPDX-License-Identifier: Apache-2.0
"""What lies in the containers of the cloud's hosts only: keys, and databases of the network.

One run of the cloud's own Ansible asks every host. What they answer passes through Ansible's files
sealed; here it is opened in memory and goes no further than the caller.
"""

import base64
import binascii
import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from day2.adapters import ansible
from day2.adapters.ansible import Ansible, Program
from day2.adapters.kolla.inventory import InventoryHost
from day2.adapters.reasons import one_line
from day2.adapters.sealed import Key
from day2.errors import BadAnswer, Day2Error, Unreachable

PROGRAM = Program(name="day2_fetch", imports=("sealing",))
FERNET = "keystone_fernet_tokens"
CREDENTIALS = "keystone_credential_keys"
# What a host may make us unpack: its answer is bounded, what it unfolds to is not.
UNPACKED_BYTES_MAX = 256 << 20
FILES_MAX = 20_000
MARGIN_SECONDS = 10.0


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a host; `what` is the thing that it belongs to, `path` its place within."""

    what: str
    path: str
    mode: int = 0o600
    owner: int = 0
    group: int = 0
    content: bytes = b""
    target: str = ""


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """What a host does not have (`absent`), or has and did not give."""

    what: str
    why: str
    absent: bool = False


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """The image that a container of a host is made of."""

    name: str
    image: str = ""
    image_id: str = ""
    digests: list[str] = []


class HostFiles(msgspec.Struct, kw_only=True):
    """What one host brought; `error`: why it brought nothing."""

    host: str
    groups: tuple[str, ...] = ()
    files: list[Fetched] = []
    lacks: list[Lack] = []
    containers: list[Used] = []
    error: Day2Error | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True):
    what: str
    form: str
    packed: str


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    files: list[_File] = []
    missing: list[Lack] = []
    containers: list[Used] = []
    error: str = ""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one host may take: seconds, bytes read there, bytes answered; seconds for all hosts."""

    host_seconds: float
    seconds_max: float
    read_bytes: int
    answer_bytes: int


def wanted(volumes: Sequence[str]) -> list[dict[str, Any]]:
    """Return what every host is asked for: named volumes, then what is known by its container."""
    ovn = [
        {
            "what": f"{container}.backup",
            "container": container,
            # A follower of a cluster has it too, and need not be told where the leader is.
            "words": [
                "ovsdb-client", "--timeout=60", "--no-leader-only", "backup",
                f"unix:/run/ovn/{socket}.sock", database,
            ],
        }
        for container, socket, database in (
            ("ovn_nb_db", "ovnnb_db", "OVN_Northbound"),
            ("ovn_sb_db", "ovnsb_db", "OVN_Southbound"),
        )
    ]  # fmt: skip
    return [
        *({"what": volume, "volume": volume} for volume in volumes),
        {"what": CREDENTIALS, "container": "keystone", "path": "/etc/keystone/credential-keys"},
        *ovn,
        {"what": "etcd", "container": "etcd"},
    ]


def is_live(what: str) -> bool:
    """Tell whether a thing changes by itself, whatever is configured."""
    return what.endswith(".backup") or what == "etcd"


class FilesOfHosts:
    """The hosts of one inventory."""

    def __init__(self, hosts: Ansible, bounds: Bounds, *, engine: str) -> None:
        self._ansible = hosts
        self._bounds = bounds
        self._engine = engine

    def fetch(self, volumes: Sequence[str]) -> list[HostFiles]:
        """Ask every host at once, by its name; a host that brought nothing says why.

        Raises:
            BadSettings, BadAnswer: when Ansible or the inventory cannot be used.

        """
        bounds, key, asked = self._bounds, Key(), wanted(volumes)
        hosts = self._ansible.hosts
        arguments = {
            "engine": self._engine,
            "wanted": asked,
            "seconds": max(1.0, bounds.host_seconds - MARGIN_SECONDS),
            "read_bytes": bounds.read_bytes,
            "answer_bytes": bounds.answer_bytes,
            "key": key.public,
        }
        events = self._ansible.run(
            PROGRAM,
            arguments,
            hosts=hosts,
            host_seconds=bounds.host_seconds,
            seconds_max=bounds.seconds_max,
        )
        found, known = [], frozenset(str(one["what"]) for one in asked)
        for host in hosts:
            try:
                found.append(_answer(host, events.get(host.name), key, known))
            except Day2Error as error:
                found.append(HostFiles(host=host.name, groups=host.groups, error=error.bare()))
        return found


def _answer(
    host: InventoryHost, event: dict[str, Any] | None, key: Key, known: frozenset[str]
) -> HostFiles:
    if event is None:
        raise Unreachable(
            f"{host.name}: no answer in time",
            hint="setting clouds.NAME.backup.hosts_seconds_max or clouds.NAME.kolla.forks",
        )
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
    if told.error:
        raise Unreachable(
            f"{host.name}: {told.error}",
            hint="setting clouds.NAME.kolla.become: true lets Ansible ask as root",
        )
    names = [one.what for one in told.files]
    if len(set(names)) < len(names):
        raise BadAnswer(f"{host.name}: it gave something twice")
    if strange := [name for name in names if name not in known]:
        # What a thing is called says where in a set it lies.
        raise BadAnswer(f"{host.name}: it gave {one_line(strange[0])!r}, which was not asked for")
    return HostFiles(
        host=host.name,
        groups=host.groups,
        files=[file for one in told.files for file in _files(host.name, one)],
        lacks=told.missing,
        containers=told.containers,
    )


def _files(host: str, told: _File) -> Iterator[Fetched]:
    """Unpack one thing; a tar of the engine has the folder's own name first, which is left out."""
    what = f"{told.what} of {host}"
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(told.packed, validate=True), UNPACKED_BYTES_MAX)
        if not unpacker.eof:
            raise BadAnswer(f"{what}: it is larger than {UNPACKED_BYTES_MAX >> 20} MiB, or cut off")
        if told.form == "plain":
            yield Fetched(what=told.what, path="", content=data)
            return
        left = UNPACKED_BYTES_MAX
        paths: set[str] = set()
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as opened:
            for number, member in enumerate(opened):
                if number > FILES_MAX:
                    raise BadAnswer(f"{what}: more than {FILES_MAX:,} files")
                # Holes take no room on their way, and all of it when they are read.
                left -= member.size
                if left < 0:
                    raise BadAnswer(f"{what}: it is larger than {UNPACKED_BYTES_MAX >> 20} MiB")
                content = opened.extractfile(member) if member.isreg() else None
                if content is None and not member.issym():
                    continue
                path = _within(member.name, what)
                if path in paths:
                    raise BadAnswer(f"{what}: it has {path} twice")
                paths.add(path)
                if member.issym() and not member.linkname.isprintable():
                    raise BadAnswer(f"{what}: {path} leads to no name that a set can hold")
                yield Fetched(
                    what=told.what,
                    path=path,
                    mode=member.mode & 0o777,
                    owner=member.uid,
                    group=member.gid,
                    content=content.read() if content else b"",
                    target=member.linkname if member.issym() else "",
                )
    except (binascii.Error, zlib.error, tarfile.TarError, ValueError, EOFError):
        raise BadAnswer(f"{what}: it cannot be unpacked") from None


def _within(name: str, what: str) -> str:
    """Return a member's place below the folder that was fetched.

    Raises:
        BadAnswer: when it leads elsewhere.

    """
    path = posixpath.normpath(name)
    if path.startswith(("/", "..")) or not path.isprintable():
        raise BadAnswer(f"{what}: a name in it leads out of it")
    return path.partition("/")[2] or path
