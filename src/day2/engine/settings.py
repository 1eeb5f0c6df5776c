# SPDX-License-Identifier: Apache-2.0
"""How changes are made: who must approve, when nothing is changed, how long is waited."""

from typing import Annotated

import msgspec
from msgspec import Meta

from day2.adapters.secrets import SecretRef
from day2.engine.windows import Freeze, Window


class ChangeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `changes`, for all clouds or one (`clouds.NAME.changes`)."""

    plan_hours: Annotated[
        float, Meta(gt=0, description="Hours after which a plan is too old to be applied.")
    ] = 24.0
    other_person: Annotated[
        list[str],
        Meta(
            description="Kinds of plans (`host-drain`, `*`) that another person than the one who "
            "made them must approve."
        ),
    ] = []
    windows: Annotated[
        list[Window], Meta(description="Weekly times in which changes are allowed; empty: always.")
    ] = []
    freezes: Annotated[
        list[Freeze], Meta(description="Times in which nothing is changed, above every window.")
    ] = []
    changed_ratio_max: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of a plan's subjects (0-1) that may have changed since it was made; "
            "above it the run stops. One subject may always have changed.",
        ),
    ] = 0.05
    failed_max: Annotated[
        int, Meta(ge=1, description="Failed steps after which a run begins no other.")
    ] = 3
    outage_seconds: Annotated[
        float,
        Meta(ge=0, description="Seconds that a service may not answer before a step gives up."),
    ] = 300.0


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `journal`: where the end of its chain is copied, at each gate and end of a run."""

    head_file: Annotated[
        str,
        Meta(
            description="File that each head is appended to: on another host's share, or shipped "
            "by your log collector; `day2 journal verify` holds the chain against it."
        ),
    ] = ""
    syslog: Annotated[
        str, Meta(description="Syslog to send heads to: a socket (/dev/log) or HOST:PORT (UDP).")
    ] = ""


class EngineSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `engine`: where the durable steps of runs are kept."""

    database: Annotated[
        SecretRef | None,
        Meta(
            description="Where the URL of a PostgreSQL database is (postgresql://...), for the "
            "durable steps; null: engine.sqlite in the state folder."
        ),
    ] = None
