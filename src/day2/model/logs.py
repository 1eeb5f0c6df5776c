# SPDX-License-Identifier: Apache-2.0
"""What a review of the services' logs found: templates of error lines, counted."""

from datetime import datetime

import msgspec

from day2.model.survey import Gap


class LogGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one file that differ in their values only, as they came from a host.

    `file` is the log file, or the container; `text` is one of them, whole, without secrets.
    """

    host: str
    file: str
    text: str
    count: int = 1
    first_at: datetime | None = None
    last_at: datetime | None = None


class LogReading(msgspec.Struct, kw_only=True):
    """What one source of logs brought."""

    source: str
    groups: list[LogGroup] = []
    hosts: list[str] = []
    lines: int = 0
    gaps: list[Gap] = []


class LogTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """Many log lines that differ in their values only.

    `key` is stable from review to review: it is made of the service and the template. `service` is
    Kolla's name of the container or log file (`nova-compute`). `hosts` counts the lines of each
    host. `example` is one whole event, its traceback folded and its secrets masked; `request_id`
    is the example's own. `noise` and `problem` name entries of the tables of what is known.
    `new` says that no earlier review had it; `known_since` is when its first event was written that
    any review saw.
    """

    key: str
    service: str
    level: str
    template: str
    count: int
    hosts: dict[str, int] = {}
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    new: bool = False
    known_since: datetime | None = None
    example: str = ""
    request_id: str = ""
    noise: str = ""
    problem: str = ""


class LogReview(msgspec.Struct, frozen=True, kw_only=True):
    """One review of all logs between two moments; worst and newest templates first.

    `lines` were read, `events` are those of level error or critical among them. `source` says
    where the lines came from (`files`, `containers`, `opensearch`). `left_out` templates were more
    than a review keeps: what is not among the others may be logged all the same.
    """

    cloud: str
    region: str
    at: datetime
    since: datetime
    until: datetime
    source: str = ""
    templates: list[LogTemplate] = []
    left_out: int = 0
    hosts: list[str] = []
    lines: int = 0
    events: int = 0
    gaps: list[Gap] = []
    seconds: float = 0.0
    id: int | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a log, of any level, that names a request; its secrets are masked.

    `service` is Kolla's name of the container or log file. `at` is None where the line says none.
    """

    host: str
    service: str
    at: datetime | None = None
    level: str = ""
    module: str = ""
    request_id: str = ""
    text: str = ""


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """What the logs say of some requests, in order of time; `lines` of them were looked through."""

    found: list[LogLine] = []
    hosts: list[str] = []
    lines: int = 0
    gaps: list[Gap] = []
