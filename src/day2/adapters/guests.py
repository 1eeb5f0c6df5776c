# SPDX-License-Identifier: Apache-2.0
"""What the hypervisors have, whatever Nova says: by the cloud's own Ansible, or by a command."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from day2.adapters import ansible, commands
from day2.adapters.ansible import Ansible, Program
from day2.adapters.reasons import one_line
from day2.errors import BadAnswer
from day2.model.recovery import Guest, Guests

PROGRAM = Program(name="day2_guests")
SETTING = "clouds.NAME.recovery_plan.guests_command"
STATES = {"running": True, "stopped": False}
NONE = "-"
TRANSPORT_SECONDS = 10.0


class _Guest(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    running: bool


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    guests: list[_Guest] | None = None
    error: str = ""


def by_command(argv: Sequence[str], environment: Mapping[str, str], *, seconds: float) -> Guests:
    """Run the command of the settings and read its lines.

    Raises:
        BadSettings, Unreachable: when it cannot be run, or fails.
        BadAnswer: when a line is none that it should print.

    """
    printed = commands.run(
        argv, environment, what="the list of guests", setting=SETTING, seconds=seconds
    )
    return parse(printed.decode(errors="replace"))


def parse(text: str) -> Guests:
    """Read lines `HOST ID running`, `HOST ID stopped`, `HOST -`.

    Raises:
        BadAnswer: naming the first line that is none of them.

    """
    hosts: dict[str, None] = {}
    found = []
    for line in text.splitlines():
        match line.split():
            case []:
                continue
            case [host, identifier] if identifier == NONE:
                hosts[host] = None
            case [host, identifier, state] if state in STATES:
                hosts[host] = None
                found.append(Guest(host=host, id=identifier, running=STATES[state]))
            case _:
                raise BadAnswer(
                    f"the list of guests has a line {one_line(line)[:80]!r}",
                    hint=f"setting {SETTING}: lines `HOST ID running`, `HOST ID stopped`, `HOST -`",
                )
    return Guests(hosts=list(hosts), guests=found)


def by_ansible(hosts: Ansible, *, engine: str, host_seconds: float, seconds_max: float) -> Guests:
    """Ask libvirt of every host of the inventory; hosts without libvirt are none of ours.

    Raises:
        BadSettings, BadAnswer: when Ansible or the inventory cannot be used.

    """
    asked = hosts.hosts
    events = hosts.run(
        PROGRAM,
        {"engine": engine, "seconds": max(3.0, host_seconds - TRANSPORT_SECONDS)},
        hosts=asked,
        host_seconds=host_seconds,
        seconds_max=seconds_max,
    )
    read, silent = [], {}
    found: list[Guest] = []
    for host in asked:
        told = _told(events.get(host.name))
        if isinstance(told, str):
            silent[host.name] = told
        elif told is not None:
            read.append(host.name)
            found += [Guest(host=host.name, id=one.id, running=one.running) for one in told]
    return Guests(hosts=read, guests=found, silent=silent)


def _told(event: dict[str, Any] | None) -> list[_Guest] | str | None:
    """Return a host's guests, None where there is no libvirt, or why it did not say."""
    if event is None:
        return "no answer in time"
    result = event.get("res") or {}
    message = ansible.message(result)
    if ansible.silent(event):
        return f"it cannot be reached by Ansible: {message}"
    try:
        answer = msgspec.convert(result.get("day2"), _Answer, strict=False)
    except msgspec.ValidationError:
        return message or "it answered in an unknown form"
    return one_line(answer.error) if answer.error else answer.guests
