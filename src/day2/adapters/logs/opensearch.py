# SPDX-License-Identifier: Apache-2.0
"""The logs as Kolla's fluentd has put them into OpenSearch or Elasticsearch, read page by page.

Each document is made a line again and goes through the same scanner as a file does: one program
decides what is an error, and nothing grows with the number of documents.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from day2.adapters.addresses import page
from day2.adapters.clock import Clock
from day2.adapters.logs.cleaning import Cleaner
from day2.adapters.logs.settings import LogSettings
from day2.adapters.remote.log_groups import Groups
from day2.adapters.remote.log_scanner import Scanner
from day2.adapters.remote.log_times import Times
from day2.adapters.web import Web
from day2.errors import BadAnswer, BadSettings, Day2Error, Unreachable
from day2.model.logs import LogGroup, LogReading
from day2.model.survey import Gap

PAGE_DOCUMENTS = 1000
KEPT_OPEN = "1m"
LEVELS = ("error", "critical", "fatal", "err", "emerg", "alert", "crit", "emer")
FIELDS = (
    "@timestamp",
    "Hostname",
    "Payload",
    "message",
    "log_level",
    "severity",
    "programname",
    "Logger",
    "python_module",
    "request_id",
    "Pid",
    "pid",
)
FILES_MAX = 5000
# A line that has a level of its own is scanned as it is.
LEVEL_WORDS = {"err": "ERROR", "emerg": "CRITICAL", "alert": "CRITICAL", "crit": "CRITICAL"}


class _Hit(msgspec.Struct):
    _source: dict[str, Any] = {}


class _Hits(msgspec.Struct):
    hits: list[_Hit] = []
    total: Any = None


class _Shards(msgspec.Struct):
    total: int = 0
    successful: int = 0


class _Page(msgspec.Struct):
    hits: _Hits
    _scroll_id: str = ""
    timed_out: bool = False
    _shards: _Shards | None = None

    @property
    def lacks(self) -> str:
        """Say what the answer is without; a shard that is nowhere does not count as failed."""
        shards = self._shards or _Shards()
        if shards.successful < shards.total:
            return f"{shards.total - shards.successful} of {shards.total} shards did not answer"
        return "it ran out of time" if self.timed_out else ""


class SearchLogs:
    """One OpenSearch or Elasticsearch."""

    def __init__(
        self, settings: LogSettings, *, password: str, clock: Clock, cleaner: Cleaner
    ) -> None:
        self._settings = settings
        self._search = settings.opensearch
        self._password = password
        self._clock = clock
        self._cleaner = cleaner
        if not self._search.address:
            raise BadSettings(
                "no OpenSearch is set", hint="setting clouds.NAME.logs.opensearch.address"
            )

    def __repr__(self) -> str:
        return f"SearchLogs({self._search.address}, user={self._search.user}, password=***)"

    def read(
        self,
        since: datetime,
        until: datetime,
        *,
        services: Sequence[str] = (),
        hosts: Sequence[str] = (),
        marks: Sequence[str] = (),
    ) -> LogReading:
        """Read what was written between two moments; what was read before a failure is kept.

        Lines with one of `marks` in them are read as well, whatever their level.

        Raises:
            BadSettings: when the address is none, or its CA cannot be read.

        """
        reading = LogReading(source="opensearch")
        streams = _Streams(since, until, self._clock.now(), marks)
        with self._web() as web:
            try:
                for document in self._documents(web, question(since, until, hosts, marks)):
                    reading.lines += 1
                    program = _program(document)
                    if services and not any(name in program for name in services):
                        continue
                    streams.feed(document, program)
            except Day2Error as error:
                reading.gaps.append(_gap(error))
        streams.close(reading, self._cleaner)
        return reading

    def follow(
        self, requests: Sequence[str], since: datetime, until: datetime, *, lines_max: int
    ) -> LogReading:
        """Read every document that names one of these request ids, of any level, newest first.

        Each is a group of its own; that there were more than `lines_max` is a gap.

        Raises:
            BadSettings: when the address is none, or its CA cannot be read.

        """
        reading = LogReading(source="opensearch")
        times = Times(self._clock.now().timestamp())
        with self._web() as web:
            try:
                for document in self._documents(web, question_of(requests, since, until)):
                    reading.lines += 1
                    if len(reading.groups) >= lines_max:
                        raise BadAnswer(
                            f"logs in {self._search.index}: more than {lines_max:,} lines of the "
                            "requests, the older ones were not read",
                            hint="setting explain.log_lines_max",
                        )
                    reading.groups.append(_group(document, times, self._cleaner))
            except Day2Error as error:
                reading.gaps.append(_gap(error))
        reading.hosts = sorted({group.host for group in reading.groups})
        return reading

    def _web(self) -> Web:
        return Web(
            page(self._search.address),
            user=self._search.user,
            password=self._password,
            ca_file=self._search.ca_file,
            answer_seconds=min(20.0, self._settings.seconds_max),
        )

    def _documents(self, web: Web, wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
        deadline = self._clock.monotonic() + self._settings.seconds_max
        what = f"logs in {self._search.index}"
        index = quote(self._search.index, safe="*,-_.")
        query = {"scroll": KEPT_OPEN, "ignore_unavailable": "true"}
        body = msgspec.json.encode(wanted)
        found = _decode(web.post(f"/{index}/_search", body, what=what, query=query), what)
        read = 0
        lacks = found.lacks
        while found.hits.hits:
            for hit in found.hits.hits:
                yield hit._source  # noqa: SLF001 - OpenSearch's own name
            read += len(found.hits.hits)
            if read >= self._search.events_max:
                raise BadAnswer(
                    f"{what}: more than {self._search.events_max:,} error lines, the rest was "
                    "not read",
                    hint="setting clouds.NAME.logs.opensearch.events_max",
                )
            if self._clock.monotonic() > deadline:
                raise Unreachable(
                    f"{what}: not all was read within {self._settings.seconds_max:g} s",
                    hint="setting clouds.NAME.logs.seconds_max",
                )
            if len(found.hits.hits) < PAGE_DOCUMENTS or not found._scroll_id:  # noqa: SLF001
                break
            more = {"scroll": KEPT_OPEN, "scroll_id": found._scroll_id}  # noqa: SLF001
            answer = web.post("/_search/scroll", msgspec.json.encode(more), what=what)
            found = _decode(answer, what)
            lacks = lacks or found.lacks
        if lacks:
            raise BadAnswer(
                f"{what}: answered in part only: {lacks}",
                hint="the cluster's own view: GET /_cat/shards?v",
            )


def question(
    since: datetime, until: datetime, hosts: Sequence[str], marks: Sequence[str] = ()
) -> dict[str, Any]:
    """Ask for what has a grave level, for what has no level but names one, and for marked lines.

    The newest come first.
    """
    grave: list[dict[str, Any]] = [
        {"match": {field: {"query": " ".join(LEVELS), "operator": "or"}}}
        for field in ("log_level", "severity")
    ]
    # As a keyword a level is compared letter by letter.
    written = [*LEVELS, *(level.upper() for level in LEVELS)]
    grave += [{"terms": {f"{field}.keyword": written}} for field in ("log_level", "severity")]
    grave += [{"terms": {field: written}} for field in ("log_level", "severity")]
    silent = {
        "bool": {
            "must_not": [{"exists": {"field": "log_level"}}, {"exists": {"field": "severity"}}],
            "must": [{"match": {"Payload": "error err emer down alert traceback available"}}],
        }
    }
    span = {"gte": since.isoformat(), "lt": until.isoformat()}
    marked = [{"match_phrase": {"Payload": mark}} for mark in marks]
    filters: list[dict[str, Any]] = [{"range": {"@timestamp": span}}]
    if hosts:
        named = [{"match_phrase": {"Hostname": host}} for host in hosts]
        filters.append({"bool": {"should": named, "minimum_should_match": 1}})
    return {
        "size": PAGE_DOCUMENTS,
        "sort": [{"@timestamp": "desc"}],
        "_source": list(FIELDS),
        "query": {
            "bool": {
                "filter": filters,
                "should": [*grave, silent, *marked],
                "minimum_should_match": 1,
            }
        },
    }


def question_of(requests: Sequence[str], since: datetime, until: datetime) -> dict[str, Any]:
    """Ask for whatever names one of these requests; fluentd cuts `req-` off its own field."""
    ids = [request.removeprefix("req-") for request in requests]
    named = [{"match_phrase": {field: one}} for one in ids for field in ("request_id", "Payload")]
    span = {"gte": since.isoformat(), "lt": until.isoformat()}
    return {
        "size": PAGE_DOCUMENTS,
        "sort": [{"@timestamp": "desc"}],
        "_source": list(FIELDS),
        "query": {
            "bool": {
                "filter": [{"range": {"@timestamp": span}}],
                "should": named,
                "minimum_should_match": 1,
            }
        },
    }


def _gap(error: Day2Error) -> Gap:
    return Gap(
        kind="logs",
        what="logs in OpenSearch",
        error=error.kind,
        message=str(error),
        hint=error.hint,
    )


def _group(document: dict[str, Any], times: Times, clean: Cleaner) -> LogGroup:
    text = line(document)
    at = _moment(times.of(text.encode()))
    return LogGroup(
        host=clean.line(_text(document, "Hostname")) or "unknown",
        file=clean.line(_program(document)),
        text=clean.clean(text).partition("\n")[0],
        first_at=at,
        last_at=at,
    )


class _Streams:
    """One scanner for each host and program."""

    def __init__(
        self, since: datetime, until: datetime, now: datetime, marks: Sequence[str]
    ) -> None:
        self._marks = [mark.encode() for mark in marks]
        self._span = since.timestamp(), until.timestamp()
        self._times = Times(now.timestamp())
        self._open: dict[tuple[str, str], tuple[Groups, Scanner]] = {}
        self.crowded = 0

    def feed(self, document: dict[str, Any], program: str) -> None:
        """Scan one document."""
        key = _text(document, "Hostname") or "unknown", program
        if key not in self._open:
            if len(self._open) >= FILES_MAX:
                self.crowded += 1
                return
            groups = Groups(*self._span)
            self._open[key] = groups, Scanner(groups, self._times, self._marks)
        self._open[key][1].feed(line(document).encode() + b"\n")

    def close(self, reading: LogReading, cleaner: Cleaner) -> None:
        """Hand out what was found."""
        dropped = self.crowded
        for (host, program), (groups, scanner) in self._open.items():
            scanner.close()
            dropped += groups.dropped
            name = cleaner.line(host)
            if name not in reading.hosts:
                reading.hosts.append(name)
            reading.groups += [
                LogGroup(
                    host=name,
                    file=cleaner.line(program),
                    text=cleaner.clean(row["text"]),
                    count=row["count"],
                    first_at=_moment(row["first"]),
                    last_at=_moment(row["last"]),
                )
                for row in groups.listed()
            ]
        reading.hosts.sort()
        if dropped:
            reading.gaps.append(
                Gap(
                    kind="logs",
                    what="logs in OpenSearch",
                    error="BadAnswer",
                    message=f"logs in OpenSearch: {dropped} errors of too many kinds were not kept",
                )
            )


def line(document: dict[str, Any]) -> str:
    """Make a document the line again that it was."""
    payload = _text(document, "Payload") or _text(document, "message")
    level = _text(document, "log_level") or _text(document, "severity")
    at = _written(document)
    if not level:
        return (
            payload
            if payload[:2] in {"20", "[2", "[M", "[T", "[W", "[F", "[S"}
            else (f"{at} {payload}")
        )
    level = LEVEL_WORDS.get(level.lower(), level.upper())
    level = {"EMER": "CRITICAL"}.get(level, level)
    pid = _text(document, "Pid") or _text(document, "pid") or "0"
    module = _text(document, "python_module") or _program(document)
    request = _text(document, "request_id")
    if request and "req-" not in request:
        request = f"req-{request}"
    return f"{at} {pid if pid.isdigit() else 0} {level} {module} [{request or '-'}] {payload}"


def _written(document: dict[str, Any]) -> str:
    text = _text(document, "@timestamp")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds")


def _program(document: dict[str, Any]) -> str:
    name = _text(document, "programname") or _text(document, "Logger").removeprefix("openstack.")
    return "-".join(name.split()) or "unknown"


def _text(document: dict[str, Any], field: str) -> str:
    value = document.get(field)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _moment(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _decode(body: bytes, what: str) -> _Page:
    try:
        return msgspec.json.decode(body, type=_Page)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadAnswer(f"{what}: the answer is not what OpenSearch promises") from None
