# SPDX-License-Identifier: Apache-2.0
"""Ask Ceph by the command that the settings name: how it is, how full, and `noout` for one host.

Kolla-Ansible deploys no Ceph: it is somebody else's cluster, reached in somebody else's way
(`cephadm shell -- ceph`, `ssh mon1 sudo ceph`, a local client). So the settings hold the words, and
this module adds the question and reads the answer.
"""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from day2.adapters import commands
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer, NotDeployed
from day2.model.tables.storage import CephCheck, CephPool

QUESTION = ("df", "--format", "json")
HEALTH = ("health", "--format", "json")
CODE_MAX, SUMMARY_MAX = 100, 500
POOL_NAME_MAX = 255
SETTING = "clouds.NAME.ceph.command"
WRITING_SETTING = "clouds.NAME.ceph.writing_command"
NOOUT = "noout"
T = TypeVar("T")


class CephSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `clouds.NAME.ceph`: where the cloud stores on Ceph."""

    command: Annotated[
        list[str],
        Meta(
            description="The words that run Ceph's client with a read-only account: [ceph, --id, "
            "day2], [ssh, mon1, sudo, ceph], [cephadm, shell, --, ceph]. day2 adds `df --format "
            "json` and `health --format json`. Empty: no Ceph."
        ),
    ] = []
    seconds_max: Annotated[float, Meta(gt=0, description="Seconds that the command may take.")] = (
        20.0
    )
    writing_command: Annotated[
        list[str],
        Meta(
            description="The same with an account that may set flags (`mon 'allow command \"osd "
            'set-group", allow command "osd unset-group"\'`): for `drain.ceph_noout`. Empty: '
            "`command` is tried."
        ),
    ] = []


class _Totals(msgspec.Struct):
    total_bytes: int
    total_used_raw_bytes: int


class _PoolStats(msgspec.Struct):
    stored: int
    max_avail: int


class _Pool(msgspec.Struct):
    name: str
    stats: _PoolStats


class _Node(msgspec.Struct):
    name: str
    type: str


class _Tree(msgspec.Struct):
    nodes: list[_Node]


class _Map(msgspec.Struct):
    crush_node_flags: dict[str, list[str]] = {}


class _Message(msgspec.Struct, frozen=True):
    message: str = ""


class _Check(msgspec.Struct):
    severity: str
    summary: _Message = _Message()
    muted: bool = False


class _Health(msgspec.Struct):
    status: str
    checks: dict[str, _Check] = {}


class _Answer(msgspec.Struct):
    stats: _Totals
    pools: list[_Pool]
    stats_by_class: dict[str, _Totals] = {}


def look(settings: CephSettings, environment: Mapping[str, str]) -> list[CephPool]:
    """Return the devices and the pools, as Ceph itself reports them.

    Raises:
        BadSettings: when the command does not exist.
        Unreachable: when it does not end in time, or fails.
        BadAnswer: when what it prints is not `ceph df`.

    """
    body = commands.run(
        [*settings.command, *QUESTION],
        environment,
        what="ceph df",
        setting=SETTING,
        seconds=settings.seconds_max,
    )
    found = _decoded(body, _Answer, "ceph df")
    classes = found.stats_by_class if len(found.stats_by_class) > 1 else {}
    devices = {"ceph": found.stats, **{f"ceph ({name})": has for name, has in classes.items()}}
    return [
        *(
            CephPool(
                name=one_line(name)[:POOL_NAME_MAX],
                used_bytes=has.total_used_raw_bytes,
                free_bytes=max(has.total_bytes - has.total_used_raw_bytes, 0),
                raw=True,
            )
            for name, has in devices.items()
        ),
        *(
            CephPool(
                name=one_line(pool.name)[:POOL_NAME_MAX],
                used_bytes=pool.stats.stored,
                free_bytes=max(pool.stats.max_avail, 0),
            )
            for pool in found.pools
        ),
    ]


def health(settings: CephSettings, environment: Mapping[str, str]) -> list[CephCheck]:
    """Return what Ceph says is not well; nothing when it is.

    Raises:
        BadSettings, Unreachable, BadAnswer: as `look`.

    """
    body = commands.run(
        [*settings.command, *HEALTH],
        environment,
        what="ceph health",
        setting=SETTING,
        seconds=settings.seconds_max,
    )
    return [
        CephCheck(
            code=one_line(code)[:CODE_MAX],
            severity=one_line(check.severity)[:CODE_MAX],
            summary=one_line(check.summary.message)[:SUMMARY_MAX],
            muted=check.muted,
        )
        for code, check in sorted(_decoded(body, _Health, "ceph health").checks.items())
    ]


class CephFlags:
    """The flag `noout` of one host's OSDs: Ceph then does not rebuild what comes back soon."""

    def __init__(self, settings: CephSettings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment

    def bucket(self, names: list[str]) -> str:
        """Return the one of these names under which Ceph has a host; empty: it has none of them.

        Raises:
            NotDeployed: when the settings name no command.
            BadSettings, Unreachable, BadAnswer: as `look`.

        """
        found = self._ask("osd tree", ["osd", "tree", "--format", "json"], _Tree)
        hosts = {node.name for node in found.nodes if node.type == "host"}
        return next((name for name in names if name in hosts), "")

    def is_set(self, bucket: str) -> bool:
        """Tell whether a host has the flag of its own.

        Raises:
            NotDeployed, BadSettings, Unreachable, BadAnswer: as `bucket`.

        """
        found = self._ask("osd dump", ["osd", "dump", "--format", "json"], _Map)
        return NOOUT in found.crush_node_flags.get(bucket, [])

    def change(self, bucket: str, *, on: bool) -> None:
        """Set the flag, or take it away; doing it again changes nothing.

        Raises:
            NotDeployed, BadSettings, BadAnswer: as `bucket`.
            Unreachable: also when Ceph refuses it; the message has its words.

        """
        verb = "set-group" if on else "unset-group"
        settings = self._settings
        written = settings.writing_command
        commands.run(
            [*(written or self._command()), "osd", verb, NOOUT, bucket],
            self._environment,
            what=f"ceph osd {verb}",
            setting=WRITING_SETTING if written else SETTING,
            seconds=settings.seconds_max,
        )

    def _ask(self, what: str, words: list[str], kind: type[T]) -> T:
        body = commands.run(
            [*self._command(), *words],
            self._environment,
            what=f"ceph {what}",
            setting=SETTING,
            seconds=self._settings.seconds_max,
        )
        return _decoded(body, kind, f"ceph {what}")

    def _command(self) -> list[str]:
        if not self._settings.command:
            raise NotDeployed(
                "the settings name no Ceph",
                hint=f"setting {SETTING}, or drain.ceph_noout: false",
            )
        return self._settings.command


def status(settings: CephSettings, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what `ceph -s` tells: health with its checks, monitors, OSDs, placement groups.

    Raises:
        BadSettings, Unreachable, BadAnswer: as `look`.

    """
    body = commands.run(
        [*settings.command, "-s", "--format", "json"],
        environment,
        what="ceph -s",
        setting=SETTING,
        seconds=settings.seconds_max,
    )
    return _decoded(body, dict[str, Any], "ceph -s")


def _decoded(body: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadAnswer(
            f"{what}: the answer is not what Ceph promises ({one_line(str(error))})",
            hint=f"setting {SETTING}: its words must end where `df` may follow",
        ) from None
