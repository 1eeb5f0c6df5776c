# SPDX-License-Identifier: Apache-2.0
"""OpenSearch's `_search` and its scroll over the scenario's logs, as Kolla's fluentd fills it.

Recorded shapes: the lab has no OpenSearch. A clause that is not understood is refused, as
OpenSearch refuses what it does not know; nothing is ever guessed.
"""

import base64
import binascii
import fnmatch
from typing import Any

import msgspec

from day2.sandbox import http
from day2.sandbox.build.logs import Record
from day2.sandbox.http import Answer, Refused, Request
from day2.sandbox.ids import hex_of
from day2.sandbox.services import opensearch_query
from day2.sandbox.services.guarded import Guarded
from day2.sandbox.world import World

VERSION = "2.19.1"
ROWS, ROWS_MAX = 10, 10_000
SOURCES = {"rabbitmq": "rabbitmq", "mariadb": "mariadb", "libvirt": "libvirt"}


def _render(refused: Refused, _request: Request) -> Answer:
    error: dict[str, Any] = {"type": refused.kind, "reason": refused.message}
    body = {"error": {"root_cause": [error], **error}, "status": refused.status}
    return Answer(status=refused.status, body=body)


SERVICE = Guarded("opensearch", render=_render)
route = SERVICE.route


class _Scroll(msgspec.Struct):
    """Where a scroll is: everything is in its id, and nothing is kept."""

    index: str
    begin: int
    body: dict[str, Any]


@route("GET", "/")
def root(_request: Request, _world: World) -> Answer:
    """Say what this is."""
    version = {"distribution": "opensearch", "number": VERSION}
    return Answer(body={"cluster_name": "kolla_logging", "version": version})


@route("POST", "/{index}/_search")
def search(request: Request, world: World) -> Answer:
    """Search once, or begin to scroll."""
    scroll = _Scroll(request.parts["index"], 0, request.document())
    return _page(world, scroll, kept=bool(request.first("scroll")))


@route("POST", "/_search/scroll")
def scroll_on(request: Request, world: World) -> Answer:
    """Give the next page of a scroll."""
    given = request.document().get("scroll_id")
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(str(given)), type=_Scroll)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        said = f"Cannot parse scroll id: {str(given)[:40]}"
        raise Refused(http.BAD_REQUEST, said, kind="illegal_argument_exception") from None
    return _page(world, found, kept=True)


def _page(world: World, scroll: _Scroll, *, kept: bool) -> Answer:
    body = scroll.body
    size = body.get("size", ROWS)
    if not isinstance(size, int) or not 0 <= size <= ROWS_MAX:
        said = (
            f"Result window is too large, from + size must be less than or equal to: [{ROWS_MAX}]"
        )
        raise Refused(http.BAD_REQUEST, said, kind="illegal_argument_exception")
    keep = opensearch_query.predicate(body.get("query", {"match_all": {}}))
    records = [r for r in world.logs if fnmatch.fnmatchcase(_index(r), scroll.index)]
    found = [(r, d) for r in records if keep(d := _document(r))]
    if not opensearch_query.newest_first(body.get("sort", [{"@timestamp": "desc"}])):
        found.reverse()
    shown = found[scroll.begin : scroll.begin + size]
    wanted = body.get("_source", True)
    hits = [_hit(record, document, wanted) for record, document in shown]
    total = {"value": len(found), "relation": "eq"}
    answer: dict[str, Any] = {
        "took": 3,
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": total, "max_score": None, "hits": hits},
    }
    if kept:
        further = _Scroll(scroll.index, scroll.begin + len(shown), body)
        answer["_scroll_id"] = base64.urlsafe_b64encode(msgspec.json.encode(further)).decode()
    return Answer(body=answer)


def _hit(record: Record, document: dict[str, Any], wanted: object) -> dict[str, Any]:
    fields = wanted if isinstance(wanted, list) else list(document)
    return {
        "_index": _index(record),
        "_id": hex_of("log", record.host, record.file, record.at, record.message)[:20],
        "_score": None,
        "_source": {name: document[name] for name in fields if name in document},
        "sort": [int(record.at.timestamp() * 1000)],
    }


def _index(record: Record) -> str:
    return f"flog-{record.at:%Y.%m.%d}"


def _document(record: Record) -> dict[str, Any]:
    """Return what fluentd makes of a record: the lines of a traceback are one document with it."""
    folder = record.file.partition("/")[0]
    document = {
        "@timestamp": f"{record.at:%Y-%m-%dT%H:%M:%S}.{record.at.microsecond:06d}000+00:00",
        "Hostname": record.host,
        "Payload": "\n".join([record.message, *record.trace]),
        "log_level": record.level,
        "programname": SOURCES.get(folder, record.program),
        "Logger": f"openstack.{folder}",
        "Pid": str(record.pid),
    }
    if folder not in SOURCES:
        document["python_module"] = record.module
    if record.request_id and folder not in SOURCES:
        document["request_id"] = record.request_id
    return document
