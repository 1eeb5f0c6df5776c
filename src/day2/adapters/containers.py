# SPDX-License-Identifier: Apache-2.0
"""Containers as docker and podman tell them, made rows; what they print is not trusted."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from day2.model.tables.infrastructure import Container

# Both engines write a moment that never came as the year 1.
NEVER = "0001-"
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)? ?(Z|[+-]\d\d:?\d\d)?")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One container as the program on the host printed it."""

    name: str
    image: str = ""
    image_id: str = ""
    state: str = ""
    health: str = ""
    failing_checks: int | None = None
    restarts: int = 0
    restart_policy: str = ""
    exit_code: int | None = None
    started_at: str = ""
    finished_at: str = ""
    kolla_version: str = ""


def rows(host: str, told: list[Any]) -> list[Container]:
    """Make rows of one host's containers; an entry of another shape is a ValidationError."""
    return [_row(host, one) for one in msgspec.convert(told, list[Told], strict=False)]


def _row(host: str, told: Told) -> Container:
    return Container(
        host=host,
        name=told.name,
        image=told.image,
        image_id=told.image_id,
        # Podman says `stopped` between the end of a process and the clean-up after it.
        state={"stopped": "exited", "initialized": "created"}.get(told.state, told.state),
        health="" if told.health == "none" else told.health,
        failing_checks=told.failing_checks,
        restarts=told.restarts,
        restart_policy="" if told.restart_policy == "no" else told.restart_policy,
        exit_code=told.exit_code,
        started_at=moment(told.started_at),
        finished_at=moment(told.finished_at),
        kolla_version=told.kolla_version,
    )


def moment(text: str) -> datetime | None:
    """Read `2025-01-02T03:04:05.123456789Z` as both engines write it; None when it never came."""
    found = MOMENT.match(text)
    if found is None or text.startswith(NEVER):
        return None
    date, clock, fraction, zone = found.groups()
    try:
        read = datetime.fromisoformat(f"{date}T{clock}{(fraction or '')[:7]}{zone or '+00:00'}")
    except ValueError:
        return None
    return read.astimezone(UTC)
