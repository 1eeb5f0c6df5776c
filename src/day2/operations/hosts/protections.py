# SPDX-License-Identifier: Apache-2.0
"""Who would repair or wake somebody while a host is away is held off; and let be as it was."""

from collections.abc import Sequence
from typing import Any

import msgspec

from day2.model.plan import Step
from day2.operations.hosts.gates import instance_ha
from day2.operations.hosts.picture import Picture
from day2.operations.hosts.policy import DrainPolicy
from day2.operations.hosts.steps import PROTECT, host_subject

MASAKARI, NOOUT, SILENCE = "masakari.maintenance", "ceph.noout", "alerts.silence"
_OPPOSITE = {MASAKARI: MASAKARI, NOOUT: "ceph.unset-noout", SILENCE: "alerts.unsilence"}
PROTECTIONS = frozenset(_OPPOSITE)
SILENCE_SECONDS_MIN = 3600.0


class Protection(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did to protect a host: the action, its arguments, and what its undo needs."""

    action: str
    arguments: dict[str, Any] = {}
    facts: dict[str, Any] = {}


def protect(
    picture: Picture, policy: DrainPolicy, seconds: float, addresses: Sequence[str] = ()
) -> list[Step]:
    """Hold off whoever would repair or wake somebody; `seconds` is how long the work is expected.

    `addresses` are what monitoring may call the host beside its names.
    """
    host, names = picture.host, _names(picture)
    wanted: list[tuple[str, bool, str, str, dict[str, Any]]] = [
        (
            MASAKARI,
            policy.masakari and instance_ha(picture),
            "Masakari must not evacuate it meanwhile",
            "take the flag away",
            {"host": host, "on": True},
        ),
        (
            NOOUT,
            policy.ceph_noout,
            "Ceph must not rebuild what comes back soon",
            "unset it",
            {"names": names},
        ),
        (
            SILENCE,
            policy.silence_alerts and bool(picture.tables.alertmanagers),
            "nobody must be woken by planned work",
            "let the silence expire",
            {"names": [*names, *addresses], "seconds": max(seconds * 2, SILENCE_SECONDS_MIN)},
        ),
    ]
    return [
        _step(picture, action, arguments, why=why, undo=undo, required=True, stage=PROTECT)
        for action, asked, why, undo, arguments in wanted
        if asked
    ]


def unprotect(picture: Picture, done: Sequence[Protection], stage: int) -> list[Step]:
    """Take back what a run did, and nothing that anybody else did."""
    made = []
    for one in done:
        # One that broke off before it was proven was not there when its step looked: it is ours.
        ours = one.facts.get("changed") or one.facts.get("acted")
        if one.action not in _OPPOSITE or not ours:
            continue
        arguments = dict(one.arguments)
        if one.action == MASAKARI:
            arguments["on"] = False
        if one.action == SILENCE:
            arguments["silences"] = one.facts.get("silences", {})
        made.append(
            _step(
                picture,
                _OPPOSITE[one.action],
                arguments,
                why="the host is back",
                undo="do it again",
                required=False,
                stage=stage,
            )
        )
    return made


def _step(
    picture: Picture,
    action: str,
    arguments: dict[str, Any],
    *,
    why: str,
    undo: str,
    required: bool,
    stage: int,
) -> Step:
    return Step(
        action=action,
        subject=host_subject(picture.host),
        why=why,
        stage=stage,
        chain=action,
        arguments=arguments,
        undo=undo,
        required=required,
    )


def _names(picture: Picture) -> list[str]:
    """List what the host may be called, Nova's own name first, with and without a domain."""
    whole = [picture.host, *sorted(picture.names - {picture.host})]
    return list(dict.fromkeys([*whole, *(name.partition(".")[0] for name in whole)]))
