# SPDX-License-Identifier: Apache-2.0
"""Would a recovery succeed that began now? Pure: what was found of vault, keys, programs and room.

Each item says what is missing while there is still time to get it.
"""

from collections.abc import Mapping, Sequence

import msgspec

from day2.errors import NotVerified
from day2.model.backup import Found, Kind, Standing
from day2.model.examination import Item, State
from day2.model.severity import Severity

INDISPENSABLE = (Kind.DATABASE, Kind.CONFIG)
ROOM_RATIO = 2.5
"""A dump, and the tables made of it with their indexes."""
GIB = 1 << 30
PROGRAMS_CURE = "install the server's own version, or set backup_database.scratch_command"
BY_HAND = {
    "age": "decrypts a set when day2 is gone",
    "zstd": "unpacks a set when day2 is gone",
    "sha256sum": "proves a set when day2 is gone",
}
SCRATCH = {
    "mariadbd": "runs a scratch server",
    "mariadb-install-db": "makes a scratch server",
    "mariadb": "loads a dump",
    "mariadb-dump": "compares what was restored",
    "mbstream": "unpacks a physical set",
    "mariadb-backup": "prepares a physical set",
}


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `opened` are the public keys that an identity at hand opens.

    `given` are those that the file `identity` opens, None: none was named.
    `programs` are paths by name, empty: not there. `scratch_version` is that of the scratch
    server's program, empty: unknown. `trouble` says by part why it could not be looked at.
    """

    cloud: str
    keys: Sequence[str]
    opened: Sequence[str]
    why_not_opened: str
    given: Sequence[str] | None = None
    identity: str = ""
    standings: Sequence[Standing]
    newest: Mapping[Kind, Found]
    programs: Mapping[str, str]
    scratch_version: str
    scratch_folder: str
    free_bytes: int
    trouble: Mapping[str, str] = {}


def examine(given: Given) -> list[Item]:
    """Judge everything, the indispensable first."""
    return [
        *_trouble(given),
        *_keys(given),
        *(item for standing in given.standings for item in _standing(given, standing)),
        *_config(given),
        *_programs(given),
        *_version(given),
        *_room(given),
    ]


def _item(given: Given, name: str, title: str, state: State, detail: str, **more: object) -> Item:
    code = NotVerified.exit_code if state is State.FAILED else 0
    values: dict[str, object] = {"cloud": given.cloud, "exit_code": code, **more}
    return Item(id=name, title=title, state=state, detail=detail, **values)  # type: ignore[arg-type]


def _trouble(given: Given) -> list[Item]:
    return [
        _item(given, part, part, State.FAILED, said, cure="it cannot be recovered from like this")
        for part, said in given.trouble.items()
    ]


def _keys(given: Given) -> list[Item]:
    if not given.keys:
        return []
    if not given.opened:
        return [
            _item(
                *(given, "keys", "Keys", State.FAILED),
                given.why_not_opened or "no identity at hand opens what is sealed to the keys",
                cure="fetch the escrow identity, and prove it",
                commands=["day2 recovery preflight --identity FILE"],
            )
        ]
    count = len(given.opened)
    said = f"a canary that was sealed now was opened by {count} of {len(given.keys)} keys"
    items = [_item(given, "keys", "Keys", State.OK, said)]
    if given.given is not None and not given.given:
        wrong = f"{given.identity} opens nothing that is sealed to the keys of the vault"
        cure = "it is of another vault, or of a key that was replaced: fetch the right one"
        items.insert(0, _item(given, "keys.identity", "Identity", State.FAILED, wrong, cure=cure))
    return [*items, *_sealed_otherwise(given)]


def _sealed_otherwise(given: Given) -> list[Item]:
    """Tell of newest sets that were sealed before the keys were replaced."""
    items = []
    for kind, found in sorted(given.newest.items()):
        sealed = found.manifest.recipients
        if sealed and not set(sealed) & set(given.opened):
            items.append(
                _item(
                    given,
                    f"keys.{kind.value}",
                    f"Keys of {kind.value}",
                    State.FAILED,
                    f"{found.manifest.id} is sealed to keys that no identity at hand opens",
                    cure="keep the identities of earlier keys as long as sets that need them",
                    commands=[f"day2 backup run {kind.value}"],
                )
            )
    return items


def _standing(given: Given, standing: Standing) -> list[Item]:
    title = f"Sets of {standing.kind.value}"
    name = f"sets.{standing.kind.value}"
    if not standing.troubles:
        return [_item(given, name, title, State.OK, f"{standing.newest} was restored for a proof")]
    items = []
    for trouble in standing.troubles:
        needed = standing.kind in INDISPENSABLE and not standing.newest
        critical = trouble.severity is Severity.CRITICAL
        state = State.FAILED if needed or critical else State.WARNING
        cure = trouble.advice
        command = [cure] if cure.startswith("day2 ") else []
        items.append(
            _item(
                given,
                name,
                title,
                state,
                trouble.said,
                cure="" if command else cure,
                commands=command,
            )
        )
    return items


def _config(given: Given) -> list[Item]:
    newest = given.newest.get(Kind.CONFIG)
    if newest is None:
        return []
    missing = newest.manifest.source.get("missing") or []
    if not missing:
        said = f"{newest.manifest.id} has everything that was looked for"
        return [_item(given, "config", "Keys of services", State.OK, said)]
    return [
        _item(
            *(given, "config", "Keys of services", State.WARNING, f"not in a set: {said}"),
            cure="what is not in a set cannot come back; settings kolla.inventory, backup.volumes",
        )
        for said in missing
    ]


def _programs(given: Given) -> list[Item]:
    items = []
    for names, state, cure in (
        (
            SCRATCH,
            State.FAILED,
            "install the server's own version, or set backup_database.scratch_command",
        ),
        (BY_HAND, State.WARNING, "install it on this host"),
    ):
        absent = [name for name in names if not given.programs.get(name)]
        items += [
            _item(given, f"program.{name}", name, state, f"not found: {names[name]}", cure=cure)
            for name in absent
        ]
        there = [name for name in names if name not in absent]
        if there:
            said = "found"
            items.append(_item(given, "programs", ", ".join(there), State.OK, said))
    return items


def _version(given: Given) -> list[Item]:
    newest = given.newest.get(Kind.DATABASE)
    server = (newest.manifest.source.get("server") or {}) if newest else {}
    was = str(server.get("version", ""))
    if not was or not given.scratch_version:
        return []
    title = "Version of MariaDB"
    if _line(was) == _line(given.scratch_version):
        said = f"sets are of {was}, programs here of {given.scratch_version}"
        return [_item(given, "version", title, State.OK, said)]
    said = f"sets are of {was}, but the programs here of {given.scratch_version}"
    cure = "a physical set needs its own version: keep the image, and set scratch_command"
    return [_item(given, "version", title, State.WARNING, said, cure=cure)]


def _line(version: str) -> tuple[str, ...]:
    return tuple(version.split("-", maxsplit=1)[0].split(".")[:2])


def _room(given: Given) -> list[Item]:
    newest = given.newest.get(Kind.DATABASE)
    if newest is None:
        return []
    needed = int(newest.manifest.bytes * ROOM_RATIO)
    said = (
        f"{given.free_bytes / GIB:.1f} GiB free in {given.scratch_folder}, "
        f"{needed / GIB:.1f} GiB are needed to restore {newest.manifest.id}"
    )
    if given.free_bytes >= needed:
        return [_item(given, "room", "Room to restore", State.OK, said)]
    cure = "make room, or set backup_database.scratch_folder"
    return [_item(given, "room", "Room to restore", State.FAILED, said, cure=cure)]
